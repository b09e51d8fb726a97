"""An extractor of the user's own, of a file or an installed package: `./mine.py:MyFeatures`."""

from __future__ import annotations

import inspect

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UserError
from benchmark.metrics.extractor_base import Images, fingerprint_of
from benchmark.own import Own


class OwnExtractor:
    """Features of a class that turns uint8 images (N, H, W, C) into numbers (N, D).

    The class is built without arguments, or with `device` where its constructor has one; `__call__(images)`
    is all it needs, `fit(reference)` is called with the held-out images where it exists. The fingerprint
    is the content of the file and of what it imports from beside it, so a changed file is another extractor.
    """

    def __init__(self, own: Own, channels: int, *, device: str = "cpu") -> None:
        """Load and build it. Raises UserError."""
        self.name = own.name
        try:
            kind = own.load()
            takes_device = "device" in inspect.signature(kind).parameters
            self.own = kind(device=device) if takes_device else kind()
        except Exception as error:  # the user's file may raise anything
            raise UserError(
                f"extractor '{own}' cannot be loaded ({type(error).__name__}: {error})",
                "it must name a class in a Python file: path.py:Class, built without arguments",
            ) from error
        if not callable(self.own):
            raise UserError(
                f"extractor '{own}' is not callable", "give it __call__(self, images) -> features (N, D)"
            )
        self.fingerprint = fingerprint_of(f"{own.source_hash} {self.name}, {channels} channels")

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
