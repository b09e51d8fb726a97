"""Data sets that torchvision knows: read from $BENCH_DATA, downloaded when they are not there yet."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import numpy as np

from benchmark.data.decoding import Images, Shape
from benchmark.data.loaded import Labels, Loaded
from benchmark.data.names import TORCHVISION, data_root
from benchmark.data.sources import enlarged_note, fit_arrays
from benchmark.errors import MissingData


def read_named_set(name: str, shape: Shape, *, download: bool) -> Loaded:
    """Read both splits of a set. Raises MissingData when it is neither there nor to be had."""
    about = TORCHVISION[name]
    pool = _split(name, dict(about.train), download)
    test = _split(name, dict(about.test), download)
    classes = getattr(pool, "classes", None) or [str(i) for i in range(10)]
    images, test_images = _images(pool), _images(test)
    return Loaded(
        fit_arrays(images, shape),
        fit_arrays(test_images, shape),
        _labels(pool),
        _labels(test),
        class_names=tuple(str(c).partition(" - ")[0] for c in classes),  # MNIST says "0 - zero"
        notes=enlarged_note(images, shape),
    )


def _split(name: str, split: dict[str, object], download: bool) -> Any:
    from torchvision import datasets

    make, folder = getattr(datasets, TORCHVISION[name].class_name), data_root() / "torchvision"
    with contextlib.suppress(RuntimeError, FileNotFoundError):  # what torchvision raises for "not there"
        return make(folder, download=False, **split)
    if not download:
        raise MissingData(f"data set '{name}' is not in {folder}", f"run `bench data prepare {name}`")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(sys.stderr):
            return make(folder, download=True, **split)
    except Exception as error:  # no network, a mirror that is gone, a damaged archive, a full disk
        first = " ".join(str(error).split())[:200]
        raise MissingData(
            f"data set '{name}' is not in {folder} and cannot be downloaded ({first})",
            f"run `bench data prepare {name}` where there is a network, or copy that folder; "
            "BENCH_DATA names another",
        ) from error


def _images(split: Any) -> Images:
    """Return a split's images as (N, H, W, C)."""
    images = np.asarray(split.data)
    if images.ndim == 3:
        return images[..., None]
    return images.transpose(0, 2, 3, 1) if images.shape[1] in (1, 3) else images


def _labels(split: Any) -> Labels:
    found = getattr(split, "targets", None)
    return np.asarray(split.labels if found is None else found, dtype=np.int64)
