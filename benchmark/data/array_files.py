"""Images in NumPy archives: `npz:PATH`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images, Shape
from benchmark.data.loaded import Labels, Loaded
from benchmark.data.sources import fit_arrays
from benchmark.errors import MissingData, UserError

# names of arrays that are understood, first match wins; Keras, MedMNIST and plain numpy.savez among them
_POOL = ("train", "x_train", "train_images", "images", "x", "data", "arr_0")
_TEST = ("test", "x_test", "test_images")
_POOL_LABELS = ("train_labels", "y_train", "labels", "y")
_TEST_LABELS = ("test_labels", "y_test")


def read_npz(path: Path, shape: Shape) -> Loaded:
    """Read uint8 images (N, H, W), (N, H, W, C) or (N, C, H, W), a test split and labels where there are."""
    if not path.is_file():
        raise MissingData(f"{path}: no such file", "npz:PATH must name a NumPy archive of images")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable npz ({error})", "write it with numpy.savez") from error
    pool = _first(arrays, _POOL)
    if pool is None:
        held = ", ".join(arrays) or "nothing"
        raise UserError(f"{path}: holds {held}", f"the images must be named one of {', '.join(_POOL)}")
    name, images = pool
    test = _first(arrays, _TEST)
    labels = _labels(path, arrays, _POOL_LABELS, len(images))
    test_labels = None if test is None else _labels(path, arrays, _TEST_LABELS, len(test[1]))
    count = 0 if labels is None or not len(labels) else int(labels.max()) + 1
    return Loaded(
        fit_arrays(_images(path, name, images, shape), shape),
        None if test is None else fit_arrays(_images(path, *test, shape), shape),
        labels,
        test_labels,
        class_names=tuple(str(i) for i in range(count)),
    )


def _first(arrays: dict[str, NDArray[Any]], names: tuple[str, ...]) -> tuple[str, NDArray[Any]] | None:
    return next(((name, arrays[name]) for name in names if name in arrays), None)


def _images(path: Path, name: str, images: NDArray[Any], shape: Shape) -> Images:
    if images.dtype != np.uint8:
        reach = f", {images.min()} to {images.max()}" if images.size and images.dtype.kind in "biuf" else ""
        raise UserError(f"{path}: '{name}' holds {images.dtype}{reach}", "images must be uint8, 0 to 255")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 4 and images.shape[3] not in (1, 3) and images.shape[1] in (1, 3):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise UserError(
            f"{path}: '{name}' is {images.shape}", "images must be (N, H, W) or (N, H, W, 1 or 3)"
        )
    if shape.size is None and images.shape[1] != images.shape[2]:
        raise UserError(
            f"{path}: images of '{name}' are {images.shape[2]}x{images.shape[1]}, not square",
            "name the size to bring them to, e.g. `size: 32`; they are centre-cropped and resized",
        )
    return images


def _labels(path: Path, arrays: dict[str, NDArray[Any]], names: tuple[str, ...], count: int) -> Labels | None:
    found = _first(arrays, names)
    if found is None:
        return None
    name, labels = found
    labels = labels.squeeze()
    if labels.shape != (count,) or labels.dtype.kind not in "iu" or (labels < 0).any():
        raise UserError(
            f"{path}: '{name}' is {labels.dtype} {labels.shape}",
            f"labels must be one whole number from 0 up for each of {count} images",
        )
    return labels.astype(np.int64)
