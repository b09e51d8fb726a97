"""Images in NumPy's files: `npz:PATH`, of an archive (.npz) or of one array (.npy)."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images, Shape
from benchmark.data.loaded import Labels, Loaded, as_labels
from benchmark.data.places import shown_file
from benchmark.data.sources import NAME_A_SIZE, enlarged_note, fit_arrays
from benchmark.data.splits import heldout_kind, passed_over, split_kind
from benchmark.errors import MissingData, UserError

# words of an array's name beside that of its split; Keras, MedMNIST and plain numpy.savez among them
_IMAGES = ("", "x", "images", "image", "imgs", "data")
_LABELS = ("labels", "y", "label", "targets", "target")
_UNSPLIT = ("images", "x", "data", "arr_0")  # names of images of no split, first match wins

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Part:
    """The images of one split, and what labels they have."""

    name: str
    images: NDArray[Any]
    labels_name: str = ""


def read_npz(path: Path, shape: Shape) -> Loaded:
    """Read uint8 images (N, H, W), (N, H, W, C) or (N, C, H, W), a held-out split and labels where there are.

    Labels that are not one class per image are passed over, and said to be. Raises UserError.
    """
    arrays = _arrays(path)
    parts = {kind: _part(arrays, kind) for kind in ("train", "test", "val", "")}
    pool = parts["train"] or parts[""]
    if pool is None:
        held = ", ".join(map(shown_file, arrays)) or "nothing"
        known = "train, x_train, train_images, images, x, data or arr_0 (test, val, ... beside them)"
        raise UserError(f"{path}: holds {held}", f"the images must be named one of {known}")
    held = heldout_kind(kind for kind, part in parts.items() if part)
    test = parts[held] if held else None
    images = _images(path, pool, shape)
    test_images = None if test is None else _images(path, test, shape)
    labels, why = _labels(arrays, pool)
    test_labels, test_why = (None, "") if test is None else _labels(arrays, test)
    used = {name for part in (pool, test) if part for name in (part.name, part.labels_name)}
    count = 0 if labels is None or not len(labels) else int(labels.max()) + 1
    return Loaded(
        fit_arrays(images, shape),
        None if test_images is None else fit_arrays(test_images, shape),
        labels,
        test_labels,
        class_names=tuple(str(i) for i in range(count)),
        notes=(*_notes(arrays, used, (why, test_why), (pool, test)), *enlarged_note(images, shape)),
        unlabelled="; ".join(dict.fromkeys(one for one in (why, test_why) if one)),
    )


def _arrays(path: Path) -> Arrays:
    if not os.path.isfile(path):
        raise MissingData(f"{path}: no such file", "npz:PATH must name a NumPy archive of images")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):  # a .npy, whatever its name
            return {"images": loaded}
        with loaded as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # damaged archives and headers: NumPy and zipfile raise many kinds
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: not a readable npz ({said})", "write it with numpy.savez") from error


def _split_of(name: str) -> tuple[str, str]:
    """Return the kind of split an array's name speaks of, and the rest of the name."""
    words = re.split(r"[\W_]+", name.casefold())
    kinds = [split_kind(word) for word in words if split_kind(word)]
    return (kinds[0] if len(kinds) == 1 else ""), "_".join(w for w in words if not split_kind(w))


def _part(arrays: Arrays, kind: str) -> _Part | None:
    """Find the images of one kind of split, or of none ('')."""
    name = _first(arrays, kind, _IMAGES if kind else _UNSPLIT)
    if not name:
        return None
    own = _first(arrays, kind, _LABELS)
    if not own and kind in ("train", ""):  # the pool's may bear either name
        own = _first(arrays, "" if kind else "train", _LABELS)
    return _Part(name, arrays[name], own)


def _first(arrays: Arrays, kind: str, rests: tuple[str, ...]) -> str:
    """Return the name of the first array that speaks of a kind of split and of one of some things."""
    found = {rest: name for name in reversed(arrays) for own, rest in [_split_of(name)] if own == kind}
    return next((found[rest] for rest in rests if rest in found), "")


def _images(path: Path, part: _Part, shape: Shape) -> Images:
    name, images = shown_file(part.name), part.images
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
            f"{path}: images of '{name}' are {images.shape[2]}x{images.shape[1]}, not square", NAME_A_SIZE
        )
    return images


def _labels(arrays: Arrays, part: _Part) -> tuple[Labels | None, str]:
    if not part.labels_name:
        return None, ""
    labels, why = as_labels(arrays[part.labels_name], len(part.images))
    return labels, why and f"'{shown_file(part.labels_name)}' is {why}"


def _notes(
    arrays: Arrays, used: set[str], whys: tuple[str, str], parts: tuple[_Part, _Part | None]
) -> list[str]:
    """Say how the arrays split, which labels are none, and what is not looked at."""
    pool, test = parts
    notes = []
    if test is not None:
        names = shown_file(pool.name), shown_file(test.name)
        notes.append(f"split: {len(pool.images)} in {names[0]}, {len(test.images)} in {names[1]}")
    notes += [f"passed over: labels, {why}" for why in whys if why]
    left = Counter({f"in {shown_file(n)}": _length(a) for n, a in arrays.items() if n not in used})
    return [*notes, passed_over("arrays in no split", left)] if left else notes


def _length(array: NDArray[Any]) -> int:
    return len(array) if array.ndim else 1
