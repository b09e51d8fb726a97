"""A dataset as the benchmark sees it: a training pool, a held-out split no budget touches, nested budgets."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.choosing import held_out, of_classes
from benchmark.data.decoding import RESIZERS, Images, Shape
from benchmark.data.loaded import Labels, Loaded, Rows
from benchmark.data.names import KNOWN_SOURCES, SOURCES
from benchmark.data.packed import fingerprint_of_rows
from benchmark.errors import UserError, unknown_name
from benchmark.own import SOURCE_POINTS, installed_names, is_own


@dataclass(frozen=True)
class DatasetSpec:
    """Name where images come from and how they are brought to one shape."""

    name: str
    source: str  # one of KNOWN_SOURCES, path.py:Name or a package's (paths absolute)
    size: int | None = None  # pixels; None: the source's own default
    heldout: int | None = None  # images; None: the test/ split, or a fifth of the images up to 500
    channels: int | None = None  # 1 grey, 3 colour; None: as the images are
    resize: str | None = None  # one of RESIZERS; None: lanczos, or what a pack was made with
    classes: tuple[str, ...] | None = None  # keep these only, where the source knows classes
    images: int | None = None  # of the pool, for a source that draws as many as it is asked for
    source_hash: str = ""  # of code of the user's own, so that an edited file is read again

    @property
    def shape(self) -> Shape:
        """Return what images are brought to."""
        return Shape(self.size, self.channels, self.resize)


@dataclass(frozen=True)
class Dataset:
    """Hold the images of one dataset as uint8 (N, H, W, C)."""

    name: str
    train: Images | Rows  # Rows: on disk, read by indexing
    heldout: Images
    fingerprint: str  # of every pixel of both splits, in order
    train_labels: Labels | None = None  # in the order of `train`, where the source knows them
    heldout_labels: Labels | None = None
    notes: tuple[str, ...] = ()  # what was passed over or changed in reading, for people
    unlabelled: str = ""  # why labels that are there are none of classes

    @property
    def size(self) -> int:
        """Return the side length in pixels."""
        return int(self.train.shape[1])

    @property
    def channels(self) -> int:
        """Return 1 (grey) or 3 (colour)."""
        return int(self.train.shape[3])


@functools.lru_cache(maxsize=4)
def load_dataset(spec: DatasetSpec, *, download: bool = True) -> Dataset:
    """Read a dataset. Raises UserError when it is unknown, missing, empty, unreadable or too small.

    A named set that is not here is downloaded, unless that is forbidden: then it is MissingData. The pool of
    packed images stays on disk; its budgets are read when they are asked for.
    """
    loaded = held_out(of_classes(_read(spec, download), spec), spec)
    assert loaded.test is not None
    heldout = loaded.test[:] if isinstance(loaded.test, Rows) else loaded.test
    return Dataset(
        spec.name,
        loaded.pool,
        heldout,
        _fingerprint(loaded.pool, loaded.test),
        loaded.pool_labels,
        loaded.test_labels,
        loaded.notes + _shared_note(loaded.pool, loaded.test),
        loaded.unlabelled,
    )


def _shared_note(pool: Images | Rows, heldout: Images | Rows) -> tuple[str, ...]:
    """Say how many held-out images the pool holds, too."""
    seen = set(_hashes(pool))
    copies = sum(one in seen for one in _hashes(heldout))
    if not copies:
        return ()
    return (f"{copies} of {len(heldout)} held-out images stand in the training pool, too (bench data check)",)


def _hashes(images: Images | Rows) -> Iterable[bytes]:
    """Return a hash of each image; those of a pack are kept with it."""
    if isinstance(images, Rows):
        return images.hashes()
    return (hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images)


def _fingerprint(pool: Images | Rows, test: Images | Rows) -> str:
    """Return the hash of every pixel of both splits, in order: 16 hex digits."""
    if isinstance(pool, Rows) and isinstance(test, Rows):
        return fingerprint_of_rows(pool, test)
    digest = hashlib.sha256(f"{pool.shape}{test.shape}".encode())
    digest.update(np.ascontiguousarray(pool).data)
    digest.update(np.ascontiguousarray(test).data)
    return digest.hexdigest()[:16]


def _read(spec: DatasetSpec, download: bool) -> Loaded:
    if spec.resize is not None and spec.resize not in RESIZERS:
        raise UserError(*unknown_name(f"dataset '{spec.name}': resize", spec.resize, RESIZERS))
    kind, _, place = spec.source.partition(":")
    source = SOURCES.get(kind)
    if spec.images is not None and not (source and source.any_number):
        raise UserError(
            f"dataset '{spec.name}': images {spec.images}, but '{spec.source}' holds what it holds",
            "only `shapes` draws any number of images; limit others with `budgets`",
        )
    if source is not None and bool(place) == bool(source.place):
        return source.load_reader()(spec, download)
    if is_own(spec.source, SOURCE_POINTS):
        from benchmark.data.own_source import read_own

        return read_own(spec)
    known = [*KNOWN_SOURCES, *installed_names(SOURCE_POINTS)]
    raise UserError(*unknown_name(f"dataset '{spec.name}': source", spec.source, known))


def budget_indices(dataset: Dataset, budget: int, order_seed: int) -> NDArray[np.int64]:
    """Return the pool indices of a budget: the first `budget` of one seeded order, so budgets nest."""
    if budget > len(dataset.train):
        raise UserError(
            f"budget {budget} is larger than dataset '{dataset.name}'",
            f"its training pool holds {len(dataset.train)} images ({len(dataset.heldout)} more are held out)",
        )
    return np.random.default_rng(order_seed).permutation(len(dataset.train))[:budget]
