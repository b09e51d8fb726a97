"""A dataset as the benchmark sees it: a training pool, a held-out split no budget touches, nested budgets."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.data.sources import RESIZERS, read_digits, read_folder, read_zip
from benchmark.errors import UserError, unknown_name

Images = NDArray[np.uint8]  # (N, H, W, C), C in {1, 3}

_SPLIT_SEED = 20230523  # the one seed of every held-out split; not a knob
_DEFAULT_SIZE = {"digits": 16}
_HELDOUT_SHARE, _HELDOUT_MOST = 0.2, 500


@dataclass(frozen=True)
class DatasetSpec:
    """Name where images come from and how they are brought to one shape."""

    name: str
    source: str  # digits, folder:PATH or zip:PATH (paths absolute)
    size: int | None = None  # pixels; None: the source's own default
    heldout: int | None = None  # images; None: the test/ split, or a fifth of the images up to 500
    channels: int | None = None  # 1 grey, 3 colour; None: as the images are
    resize: str = "lanczos"


@dataclass(frozen=True)
class Dataset:
    """Hold the images of one dataset as uint8 (N, H, W, C)."""

    name: str
    train: Images
    heldout: Images
    fingerprint: str  # of every pixel of both splits, in order

    @property
    def size(self) -> int:
        """Return the side length in pixels."""
        return int(self.train.shape[1])

    @property
    def channels(self) -> int:
        """Return 1 (grey) or 3 (colour)."""
        return int(self.train.shape[3])


@functools.lru_cache(maxsize=4)
def load_dataset(spec: DatasetSpec) -> Dataset:
    """Read a dataset. Raises UserError when it is unknown, missing, empty, unreadable or too small."""
    pool, test = _read(spec)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(pool))
    if test is None:
        count = spec.heldout or min(_HELDOUT_MOST, int(len(pool) * _HELDOUT_SHARE))
        if not 2 <= count < len(pool):
            raise UserError(
                f"dataset '{spec.name}': cannot hold out {count} of {len(pool)} images",
                f"heldout must leave images to train on: 2 to {len(pool) - 1}",
            )
        pool, test = pool[order[count:]], pool[order[:count]]
    elif spec.heldout is not None:
        if spec.heldout > len(test):
            raise UserError(
                f"dataset '{spec.name}': cannot hold out {spec.heldout} of the {len(test)} images in test/",
                f"heldout may be 2 to {len(test)}",
            )
        test = test[np.random.default_rng(_SPLIT_SEED).permutation(len(test))[: spec.heldout]]
    digest = hashlib.sha256(f"{pool.shape}{test.shape}".encode())
    digest.update(pool.tobytes())
    digest.update(test.tobytes())
    return Dataset(spec.name, pool, test, digest.hexdigest()[:16])


def _read(spec: DatasetSpec) -> tuple[Images, Images | None]:
    if spec.resize not in RESIZERS:
        raise UserError(*unknown_name(f"dataset '{spec.name}': resize", spec.resize, RESIZERS))
    kind, _, place = spec.source.partition(":")
    if kind == "digits" and not place:
        return read_digits(spec.size or _DEFAULT_SIZE["digits"]), None
    if kind in ("folder", "zip") and place:
        reader = read_folder if kind == "folder" else read_zip
        return reader(Path(place), size=spec.size, channels=spec.channels, resize=spec.resize)
    raise UserError(*unknown_name(f"dataset '{spec.name}': source", spec.source, KNOWN_SOURCES))


KNOWN_SOURCES = ("digits", "folder:PATH", "zip:PATH")


def budget_indices(dataset: Dataset, budget: int, order_seed: int) -> NDArray[np.int64]:
    """Return the pool indices of a budget: the first `budget` of one seeded order, so budgets nest."""
    if budget > len(dataset.train):
        raise UserError(
            f"budget {budget} is larger than dataset '{dataset.name}'",
            f"its training pool holds {len(dataset.train)} images ({len(dataset.heldout)} more are held out)",
        )
    return np.random.default_rng(order_seed).permutation(len(dataset.train))[:budget]
