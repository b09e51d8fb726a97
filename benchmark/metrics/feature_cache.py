"""Features of real images, computed once: kept by content under `runs/features/`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.metrics.extractor_base import Extractor, Images
from benchmark.pulse import locked
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors

VERSION = 1


def content_hash(images: Images) -> str:
    """Hash images (N, H, W, C) and their shape into 16 hex digits."""
    digest = hashlib.sha256(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:16]


class FeatureCache:
    """Features of an extractor that is fitted on given images, kept per set of images when there is a folder.

    A file is named by the extractor's fingerprint, what it was fitted on and the images, so a changed image
    or weights file finds nothing old. Trials that run at once wait for one of them to compute; a damaged
    file is computed again.
    """

    def __init__(self, extractor: Extractor, reference: Images, folder: Path | None = None) -> None:
        self.extractor = extractor
        self.folder = folder
        self.fitted_on = content_hash(reference)
        extractor.fit(reference)

    def generated(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) that nobody will ask for again."""
        if not len(images):
            return np.empty((0, 0), np.float32)
        features = self.extractor(images)
        if features.ndim != 2 or len(features) != len(images):
            raise BenchError(
                f"extractor '{self.extractor.name}' returned shape {features.shape} for {len(images)} images"
                f"; expected ({len(images)}, features)"
            )
        return features

    def real(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of real images, from the folder where they lie there."""
        if self.folder is None or not len(images):
            return self.generated(images)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w-]+", "_", self.extractor.name)[:60]  # of the user's own, maybe
        path = self.folder / f"{name}-{self._key(images)}.safetensors"
        with locked(path.with_suffix(".lock")):
            try:
                return read_tensors(path)[0]["features"].numpy()
            except (FileNotFoundError, RefusedFile, KeyError):  # absent or damaged: computed below
                features = self.generated(images)
            about = {"version": VERSION, "extractor": self.extractor.name, "images": len(images)}
            write_tensors({"features": torch.from_numpy(features)}, path, about)
        return features

    def _key(self, images: Images) -> str:
        parts = (VERSION, self.extractor.fingerprint, self.fitted_on, content_hash(images))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
