"""A dataset as the benchmark sees it: a training pool, a held-out split no budget touches, nested budgets."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.data.choosing import HELDOUT_MOST, SPLIT_SEED, held_out, of_classes
from benchmark.data.decoding import RESIZERS, Images, Shape
from benchmark.data.loaded import Labels, Loaded, Rows
from benchmark.data.names import KNOWN_SOURCES, RECIPES, TORCHVISION, packed_place
from benchmark.data.packed import fingerprint_of_rows, read_packed
from benchmark.data.places import Folder, Zip
from benchmark.data.sources import fit_arrays, read_digits, read_place
from benchmark.errors import MissingData, UserError, unknown_name

_DEFAULT_SIZE = {"digits": 16}
_SHAPES_IMAGES, _RECIPE_SIZE = 5000, 256


@dataclass(frozen=True)
class DatasetSpec:
    """Name where images come from and how they are brought to one shape."""

    name: str
    source: str  # one of KNOWN_SOURCES (paths absolute)
    size: int | None = None  # pixels; None: the source's own default
    heldout: int | None = None  # images; None: the test/ split, or a fifth of the images up to 500
    channels: int | None = None  # 1 grey, 3 colour; None: as the images are
    resize: str | None = None  # one of RESIZERS; None: lanczos, or what a pack was made with
    classes: tuple[str, ...] | None = None  # keep these only, where the source knows classes
    images: int | None = None  # of the pool, for a source that draws as many as it is asked for

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
    if spec.images is not None and kind != "shapes":
        raise UserError(
            f"dataset '{spec.name}': images {spec.images}, but '{spec.source}' holds what it holds",
            "only `shapes` draws any number of images; limit others with `budgets`",
        )
    read = _NAMED.get(kind) if not place else _PLACED.get(kind)
    if kind in TORCHVISION and not place:
        from benchmark.data.named_sets import read_named_set

        return read_named_set(kind, spec.shape, download=download)
    if kind in RECIPES and not place:
        read = _read_recipe
    if read is None:
        raise UserError(*unknown_name(f"dataset '{spec.name}': source", spec.source, KNOWN_SOURCES))
    return read(spec)


def _read_shapes(spec: DatasetSpec) -> Loaded:
    """Draw the pool and the held-out images of `shapes` from streams of their own, so they never meet."""
    from benchmark.data.shapes import KINDS, SIZE, draw_figures, paint

    size = spec.size or SIZE
    count, held = spec.images or _SHAPES_IMAGES, spec.heldout or HELDOUT_MOST
    need, most = (
        (count + held) * (3 * size**2 + 200),
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    )
    if need > most:
        raise UserError(
            f"dataset '{spec.name}': {count + held:,} images take {need / 2**30:,.0f} GiB of memory",
            f"this machine has {most / 2**30:,.0f}; draw fewer `images`, or smaller ones",
        )
    pool = draw_figures(count, seed=SPLIT_SEED)
    test = draw_figures(held, seed=SPLIT_SEED + 1)
    shape = Shape(size, spec.channels)
    painted = [fit_arrays(paint(figures, size=size), shape) for figures in (pool, test)]
    return Loaded(painted[0], painted[1], pool.kind, test.kind, class_names=KINDS)


def _read_digits(spec: DatasetSpec) -> Loaded:
    return read_digits(spec.size or _DEFAULT_SIZE["digits"])


def _read_recipe(spec: DatasetSpec) -> Loaded:
    size = spec.size or _RECIPE_SIZE
    folder = packed_place(spec.source, size)
    if not (folder / "pack.json").is_file():
        raise MissingData(
            f"dataset '{spec.name}': '{spec.source}' is not prepared, {folder} is no pack",
            f"bench data prepare {spec.source} --source PATH --size {size} (BENCH_DATA names another folder)",
        )
    return read_packed(folder, spec.shape)


def _read_npz(spec: DatasetSpec) -> Loaded:
    from benchmark.data.array_files import read_npz

    return read_npz(Path(_place(spec)), spec.shape)


def _read_hugging_face(spec: DatasetSpec) -> Loaded:
    from benchmark.data.hugging_face import read_hugging_face

    return read_hugging_face(_place(spec), spec.shape)


def _place(spec: DatasetSpec) -> str:
    return spec.source.partition(":")[2]


_NAMED: dict[str, Callable[[DatasetSpec], Loaded]] = {"digits": _read_digits, "shapes": _read_shapes}
_PLACED: dict[str, Callable[[DatasetSpec], Loaded]] = {
    "folder": lambda spec: read_place(Folder(Path(_place(spec))), spec.shape),
    "zip": lambda spec: read_place(Zip(Path(_place(spec))), spec.shape),
    "npz": _read_npz,
    "packed": lambda spec: read_packed(Path(_place(spec)), spec.shape),
    "hf": _read_hugging_face,
}


def budget_indices(dataset: Dataset, budget: int, order_seed: int) -> NDArray[np.int64]:
    """Return the pool indices of a budget: the first `budget` of one seeded order, so budgets nest."""
    if budget > len(dataset.train):
        raise UserError(
            f"budget {budget} is larger than dataset '{dataset.name}'",
            f"its training pool holds {len(dataset.train)} images ({len(dataset.heldout)} more are held out)",
        )
    return np.random.default_rng(order_seed).permutation(len(dataset.train))[:budget]
