"""The `pixels` extractor: principal components of the reference images."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.metrics.extractor_base import Images, batches, check_images, fingerprint_of

COMPONENTS = 32
FIT_ON = 5000  # reference images at most, the first ones
DEFINITION = f"pixels in [0, 1], {COMPONENTS} principal components of the first {FIT_ON} reference images"


class PixelComponents:
    """Features (N, min(32, images - 1, H W C)): scores on the reference images' principal components."""

    name = "pixels"

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.fingerprint = fingerprint_of(f"{DEFINITION}, {channels} channels")
        self.mean: NDArray[np.float64] | None = None  # (H W C,)
        self.components: NDArray[np.float64] | None = None  # (H W C, D)

    def fit(self, reference: Images) -> None:
        """Find the components of reference images (N, H, W, C), each signed by its largest entry."""
        check_images(reference, self.channels)
        if len(reference) < 2:
            raise BenchError(f"principal components need 2 reference images, got {len(reference)}")
        pixels = reference[:FIT_ON].reshape(min(len(reference), FIT_ON), -1)
        self.mean = pixels.mean(axis=0, dtype=np.float64) / 255
        kept = min(COMPONENTS, len(pixels) - 1, pixels.shape[1])
        if len(pixels) < pixels.shape[1]:
            components = _components_from_images(pixels, self.mean, kept)
        else:
            centred = pixels / 255.0 - self.mean
            components = _largest(centred.T @ centred, kept)
        largest = np.take_along_axis(components, abs(components).argmax(axis=0)[None], axis=0)
        self.components = components * np.where(largest < 0, -1.0, 1.0)

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of uint8 images (N, H, W, C) of the size fitted on."""
        check_images(images, self.channels)
        if self.mean is None or self.components is None:
            raise BenchError("extractor 'pixels' is used before fit(reference)")
        if images[0].size != len(self.mean):
            raise BenchError(f"images of shape {images.shape[1:]} differ in size from the reference images")
        scores = [
            (batch.reshape(len(batch), -1) / 255.0 - self.mean) @ self.components
            for batch in batches(images, 16 * len(self.mean))
        ]
        return np.concatenate(scores).astype(np.float32)


def _largest(gram: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """Return the eigenvectors (n, kept) of the largest eigenvalues, largest first."""
    span = (len(gram) - kept, len(gram) - 1)
    return scipy.linalg.eigh(gram, subset_by_index=span, check_finite=False)[1][:, ::-1]


def _components_from_images(pixels: Images, mean: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """Find components (P, kept) through the images' Gram matrix, a slice of pixels at a time."""
    slices = [slice(start, start + 4096) for start in range(0, len(mean), 4096)]
    gram = np.zeros((len(pixels), len(pixels)))
    for part in slices:
        centred = pixels[:, part] / 255.0 - mean[part]
        gram += centred @ centred.T
    weights = _largest(gram, kept)
    components = np.concatenate([(pixels[:, part] / 255.0 - mean[part]).T @ weights for part in slices])
    return components / np.maximum(np.linalg.norm(components, axis=0), 1e-12)
