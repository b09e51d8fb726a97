"""An extractor of the user's own, from a Python file: `./mine.py:MyFeatures`."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UserError
from benchmark.metrics.extractor_base import Images, fingerprint_of
from strategies.registry import load_class, source_hash


def is_own(name: str) -> bool:
    """Say whether a name is `path.py:Class`."""
    return name.rpartition(":")[0].endswith(".py")


class OwnExtractor:
    """Features of a class that turns uint8 images (N, H, W, C) into numbers (N, D).

    The class is built without arguments, or with `device` where its constructor has one; `__call__(images)`
    is all it needs, `fit(reference)` is called with the held-out images where it exists. The fingerprint
    is the file's content, so a changed file is another extractor.
    """

    def __init__(self, name: str, channels: int, *, device: str = "cpu") -> None:
        """Load `path.py:Class`. Raises UserError."""
        file, _, self.name = name.rpartition(":")
        try:
            kind = load_class(Path(file), self.name)
            takes_device = "device" in inspect.signature(kind).parameters
            self.own = kind(device=device) if takes_device else kind()
        except Exception as error:  # the user's file may raise anything
            raise UserError(
                f"extractor '{name}' cannot be loaded ({type(error).__name__}: {error})",
                "it must name a class in a Python file: path.py:Class, built without arguments",
            ) from error
        if not callable(self.own):
            raise UserError(
                f"extractor '{name}' is not callable", "give it __call__(self, images) -> features (N, D)"
            )
        self.fingerprint = fingerprint_of(f"{source_hash(Path(file))} {self.name}, {channels} channels")

    def fit(self, reference: Images) -> None:
        """Show it the reference images, where it wants to learn from them."""
        if hasattr(self.own, "fit"):
            self.own.fit(reference)

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of uint8 images (N, H, W, C); tensors become arrays."""
        features = self.own(images)
        if hasattr(features, "detach"):
            features = features.detach().cpu().numpy()
        return np.asarray(features, dtype=np.float32)
