"""Read a dataset from where a spec says it lies: one function per kind of source, named in SOURCES."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.choosing import HELDOUT_MOST, SPLIT_SEED
from benchmark.data.decoding import Shape
from benchmark.data.loaded import Loaded
from benchmark.data.names import packed_place
from benchmark.data.packed import read_packed
from benchmark.data.places import Folder, Zip
from benchmark.data.sources import fit_arrays, read_digits, read_place
from benchmark.errors import MissingData, UserError

if TYPE_CHECKING:
    from benchmark.data.dataset import DatasetSpec

_DIGITS_SIZE, _SHAPES_IMAGES, _RECIPE_SIZE = 16, 5000, 256


def read_embedded_digits(spec: DatasetSpec, download: bool) -> Loaded:
    """Read scikit-learn's digits."""
    return read_digits(spec.size or _DIGITS_SIZE)


def read_shapes(spec: DatasetSpec, download: bool) -> Loaded:
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


def read_torchvision(spec: DatasetSpec, download: bool) -> Loaded:
    """Read a set of torchvision's."""
    from benchmark.data.named_sets import read_named_set

    return read_named_set(spec.source, spec.shape, download=download)


def read_recipe(spec: DatasetSpec, download: bool) -> Loaded:
    """Read the pack of a set of the paper. Raises MissingData where it was not prepared."""
    size = spec.size or _RECIPE_SIZE
    folder = packed_place(spec.source, size)
    if not (folder / "pack.json").is_file():
        raise MissingData(
            f"dataset '{spec.name}': '{spec.source}' is not prepared, {folder} is no pack",
            f"bench data prepare {spec.source} --source PATH --size {size} (BENCH_DATA names another folder)",
        )
    return read_packed(folder, spec.shape)


def read_folder(spec: DatasetSpec, download: bool) -> Loaded:
    """Read the images below a folder."""
    return read_place(Folder(Path(_place(spec))), spec.shape)


def read_zip(spec: DatasetSpec, download: bool) -> Loaded:
    """Read the images in a zip."""
    return read_place(Zip(Path(_place(spec))), spec.shape)


def read_arrays(spec: DatasetSpec, download: bool) -> Loaded:
    """Read arrays of a NumPy archive."""
    from benchmark.data.array_files import read_npz

    return read_npz(Path(_place(spec)), spec.shape)


def read_pack(spec: DatasetSpec, download: bool) -> Loaded:
    """Open a pack."""
    return read_packed(Path(_place(spec)), spec.shape)


def read_hub(spec: DatasetSpec, download: bool) -> Loaded:
    """Read a Hugging Face data set."""
    from benchmark.data.hugging_face import read_hugging_face

    return read_hugging_face(_place(spec), spec.shape)


def _place(spec: DatasetSpec) -> str:
    return spec.source.partition(":")[2]
