"""Turn images into features: the extractors a suite may name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError, UserError, unknown_name

Images = NDArray[np.uint8]  # (N, H, W, C)

EXTRACTORS: dict[str, str] = {
    "random": "untrained three-layer convolutional network, fixed weights: needs no file, fits any domain",
    "pixels": "32 principal components of the reference images' pixels",
    "inception": "clean-fid's Inception v3 with clean-fid's resizing; needs its weights file",
    "clip": "CLIP's ViT-B/32 with clean-fid's resizing; needs its weights file and timm",
    "dinov2": "DINOv2's ViT-L/14 at 224 px; needs its weights file and timm",
    "classifier": "small network taught the labels of the training pool; needs a labelled dataset (digits)",
}


class Extractor(Protocol):
    """A feature extractor: deterministic, and the same for every trial that shares a fingerprint."""

    name: str
    fingerprint: str  # 16 hex digits of the weights file, or of the definition with its seed

    def fit(self, reference: Images) -> None:
        """Learn from the reference images (N, H, W, C), where there is something to learn."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of uint8 images (N, H, W, C)."""


def load_extractor(name: str, *, channels: int, device: str = "cpu") -> Extractor:
    """Build the extractor of that name, or of `path.py:Class`, for images of 1 or 3 channels.

    A classifier comes from benchmark.extraction, which knows labels.
    Raises UserError for an unknown name, MissingWeights when a weights file is not there.
    """
    if channels not in (1, 3):
        raise UserError(f"extractor '{name}' got images of {channels} channels", "Allowed: 1, 3")
    if name.rpartition(":")[0].endswith(".py"):
        from benchmark.metrics.own import OwnExtractor

        return OwnExtractor(name, channels, device=device)
    if name == "classifier":
        raise UserError(
            "extractor 'classifier' needs labels, which a plain set of images does not have",
            "use it in a suite on a labelled dataset: digits",
        )
    if name not in _BUILDERS:
        raise UserError(*unknown_name("extractor", name, EXTRACTORS))
    return _BUILDERS[name](channels, device)


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
        yield images[start : start + size]


def fingerprint_of(definition: str) -> str:
    """Hash a definition into 16 hex digits."""
    return hashlib.sha256(definition.encode()).hexdigest()[:16]


def _random(channels: int, device: str) -> Extractor:
    from benchmark.metrics.random_network import RandomNetwork

    return RandomNetwork(channels, device=device)


def _pixels(channels: int, device: str) -> Extractor:
    from benchmark.metrics.pixels import PixelComponents

    return PixelComponents(channels)


def _inception(channels: int, device: str) -> Extractor:
    from benchmark.metrics.inception import Inception

    return Inception(channels, device=device)


def _transformer(name: str, channels: int, device: str) -> Extractor:
    from benchmark.metrics.vision_transformer import VisionTransformer

    return VisionTransformer(name, channels, device=device)


_BUILDERS: dict[str, Callable[[int, str], Extractor]] = {
    "random": _random,
    "pixels": _pixels,
    "inception": _inception,
    "clip": partial(_transformer, "clip"),
    "dinov2": partial(_transformer, "dinov2"),
}
