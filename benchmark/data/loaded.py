"""What a source hands over: images in memory, or rows of a pack that stay on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images

Labels = NDArray[np.int64]
MOST_CLASSES = 100_000  # a larger label is an identity, not a class
_CHUNK = 256  # rows read at once


class Rows:
    """Some rows of a pack, in an order of their own; pixels stay on disk until they are asked for."""

    def __init__(self, folder: Path, pixels: Images, rows: NDArray[np.int64]) -> None:
        self.folder, self.pixels, self.rows = folder, pixels, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (N, H, W, C), as an array would."""
        return (len(self.rows), *self.pixels.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Images:
        """Read images into memory: any index of one axis that NumPy knows."""
        return np.asarray(self.pixels[self.rows[index]])

    def take(self, index: NDArray[np.int64]) -> Rows:
        """Choose rows without reading them."""
        return Rows(self.folder, self.pixels, self.rows[index])

    def hashes(self) -> list[bytes]:
        """Return the hash of each image's pixels, as it was noted when they were packed."""
        with np.load(self.folder / "rows.npz") as stored:
            return [one.tobytes() for one in stored["hashes"][self.rows]]

    def chunks(self) -> Iterator[Images]:
        """Yield all images, a few hundred at a time."""
        for start in range(0, len(self), _CHUNK):
            yield self[start : start + _CHUNK]


@dataclass(frozen=True)
class Loaded:
    """What a source holds: the images, the split it comes with, labels where it knows them."""

    pool: Images | Rows  # (N, H, W, C)
    test: Images | Rows | None = None  # None: the source has no split of its own
    pool_labels: Labels | None = None
    test_labels: Labels | None = None
    class_names: tuple[str, ...] = ()  # of labels 0, 1, ...
    notes: tuple[str, ...] = ()  # what was passed over or changed, for people
    unlabelled: str = ""  # why labels that are there are none of classes


def as_labels(labels: Any, count: int) -> tuple[Labels | None, str]:
    """Return one class per image from whatever stands there, or None and why it is not that."""
    array = np.asarray(labels)
    array = array.squeeze() if array.shape != (1, 1) else array.reshape(1)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        return None, f"{array.dtype} {array.shape}, not one whole number for each of {count} images"
    if count and (array.min() < 0 or array.max() >= MOST_CLASSES):
        return None, f"{array.min()} to {array.max()}, not classes 0 to {MOST_CLASSES - 1} at the most"
    return array.astype(np.int64), ""
