"""What every feature extractor is, and what each needs: checks, batches, a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images
from benchmark.errors import BenchError
from benchmark.pulse import pulse


class Extractor(Protocol):
    """A feature extractor: deterministic, and the same for every trial that shares a fingerprint."""

    name: str
    fingerprint: str  # 16 hex digits of the weights file, or of the definition with its seed

    def fit(self, reference: Images) -> None:
        """Learn from the reference images (N, H, W, C), where there is something to learn."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of uint8 images (N, H, W, C)."""


def check_images(images: Images, channels: int, *, smallest: int = 1) -> None:
    """Raise BenchError unless images are uint8 (N, H, W, channels), `smallest` pixels or more a side."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != channels:
        raise BenchError(
            f"expected uint8 images (N, H, W, {channels}), got {images.dtype} {tuple(images.shape)}"
        )
    if min(images.shape[1:3]) < smallest:
        raise BenchError(f"images of {images.shape[1]}x{images.shape[2]} pixels, at least {smallest} needed")


def batches(images: Images, bytes_per_image: int, *, budget_bytes: int = 2**28) -> Iterator[Images]:
    """Cut images into batches whose working memory stays within the budget, 256 images at most."""
    size = max(1, min(256, budget_bytes // max(1, bytes_per_image)))
    for start in range(0, len(images), size):
        pulse()
        yield images[start : start + size]


def fingerprint_of(definition: str) -> str:
    """Hash a definition into 16 hex digits."""
    return hashlib.sha256(definition.encode()).hexdigest()[:16]
