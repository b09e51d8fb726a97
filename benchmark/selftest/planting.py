"""Take a dataset apart into sets that share no image, and spoil images on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from benchmark.data import Dataset, DatasetSpec, load_dataset
from benchmark.data.inspecting import named_source
from benchmark.errors import UserError
from benchmark.metrics.extractor_base import Images

MOST = 500  # images of a set
LEAST = 100
MODES = 10


@dataclass(frozen=True)
class Planted:
    """Real images of one dataset: N held-out, N that "were trained on", N fresh ones, and the rest."""

    spec: DatasetSpec
    dataset: Dataset
    heldout: Images
    train: Images
    fresh: Images
    spare: Images  # the pool without `train`; `fresh` is its beginning
    modes: NDArray[np.int64]  # of `spare`: labels where there are any, else clusters of pixels

    @property
    def count(self) -> int:
        """Return N."""
        return len(self.heldout)


def plant(source: str) -> Planted:
    """Split a dataset (`digits`, or a folder or zip of images). Raises UserError when it is too small."""
    spec = _spec(source)
    dataset = load_dataset(spec)
    count = min(MOST, len(dataset.heldout), len(dataset.train) // 2)
    if count < LEAST:
        raise UserError(
            f"dataset '{source}' leaves {count} images a set",
            f"the self-test needs {LEAST} held-out images and {2 * LEAST} others",
        )
    random = np.random.default_rng(0)
    heldout = dataset.heldout[random.permutation(len(dataset.heldout))[:count]]
    order = random.permutation(len(dataset.train))
    pool = dataset.train[order]
    spare = pool[count:]
    labels = None if dataset.train_labels is None else dataset.train_labels[order][count:]
    return Planted(spec, dataset, heldout, pool[:count], spare[:count], spare, _modes(spare, labels))


def _spec(source: str) -> DatasetSpec:
    if source == "digits":
        return DatasetSpec("digits", "digits", heldout=MOST)
    return DatasetSpec(*named_source(source))


def _modes(images: Images, labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if labels is not None:
        return labels
    from sklearn.cluster import KMeans

    small = images[:, ::4, ::4].reshape(len(images), -1).astype(np.float32)
    return KMeans(MODES, n_init=3, random_state=0).fit_predict(small).astype(np.int64)


def blurred(images: Images, width: float) -> Images:
    """Blur with a Gaussian whose standard deviation is a share of the side."""
    sigma = width * images.shape[1]
    return _bytes(scipy.ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)))


def noisy(images: Images, level: float) -> Images:
    """Add Gaussian noise whose standard deviation is a share of white."""
    noise = np.random.default_rng(1).normal(0, 255 * level, images.shape)
    return _bytes(images + noise)


def pixelated(images: Images, side: float) -> Images:
    """Average squares of so many pixels a side."""
    block = int(side)
    height, width = (n // block * block for n in images.shape[1:3])
    cut = images[:, :height, :width].astype(np.float32)
    shape = (len(cut), height // block, block, width // block, block, cut.shape[3])
    means = cut.reshape(shape).mean(axis=(2, 4))
    whole = images.astype(np.float32)
    whole[:, :height, :width] = means.repeat(block, 1).repeat(block, 2)
    return _bytes(whole)


def _bytes(values: NDArray[np.floating]) -> Images:
    return np.rint(values).clip(0, 255).astype(np.uint8)


# each fault with rising levels; level 0 is the real images themselves
FAULTS = {
    "blur": (blurred, (0.04, 0.08, 0.16)),
    "noise": (noisy, (0.05, 0.1, 0.2)),
    "pixelation": (pixelated, (2, 4, 8)),
}
