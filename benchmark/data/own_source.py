"""A source of the user's own, of a file or an installed package: `source: ./mine.py:load`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.data.decoding import Images
from benchmark.data.loaded import Labels, Loaded, as_labels
from benchmark.data.names import SOURCES
from benchmark.data.paths import full_path
from benchmark.data.sources import NAME_A_SIZE, enlarged_note, fit_arrays
from benchmark.errors import UserError, unknown_name
from benchmark.own import SOURCE_POINTS, Own, find_own, is_own
from strategies.contract.answers import said
from strategies.contract.plugin import split_name

if TYPE_CHECKING:
    from benchmark.data.dataset import DatasetSpec

KEYS = ("train", "heldout", "train_labels", "heldout_labels", "class_names")
_RULE = (
    "it returns {'train': uint8 (N, H, W) or (N, H, W, 1 or 3), 'heldout': ...} or the array of train alone"
)


def own_full(text: str, base: Path | None = None) -> str:
    """Make the path of `path.py:Name` absolute; it is relative to a folder. Other texts are as they are."""
    split = split_name(text)
    return text if split is None else f"{full_path(split[0], base)}:{split[1]}"


def found_source(text: str) -> Own | None:
    """Return the code of a source of the user's own. Raises UserError where it cannot be read."""
    try:
        return find_own(text, SOURCE_POINTS)
    except Exception as error:  # no such file; a package may raise anything at import
        raise UserError(f"source '{text}': {said(error)}", "it names a function: ./mine.py:load") from error


def hash_of_source(source: str) -> str:
    """Return the content hash of a source's code where it is one of the user's own. Raises UserError."""
    own = found_source(source) if is_own(source, SOURCE_POINTS) and source not in SOURCES else None
    return "" if own is None else own.source_hash


def read_own(spec: DatasetSpec) -> Loaded:
    """Call the user's function and take what it returns for images. Raises UserError in two lines.

    A function, or an instance of a class built without arguments, is called without arguments, or with
    the data set's `size` where it has such a parameter and there is one.
    """
    place = f"dataset '{spec.name}': source '{spec.source}'"
    own = found_source(spec.source)
    assert own is not None
    try:
        answer = ask_source(own.load(), spec.size)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise UserError(f"{place} fails", said(error)) from error
    return loaded_from(answer, place, spec)


def ask_source(found: Any, size: int | None) -> Any:
    """Call a function, or an instance of a class."""
    call = found() if inspect.isclass(found) else found
    if not callable(call):
        raise TypeError(f"{found!r} is neither a function nor a class with __call__")
    wanted = size is not None and "size" in inspect.signature(call).parameters
    return call(size=size) if wanted else call()


def loaded_from(answer: Any, place: str, spec: DatasetSpec) -> Loaded:
    """Check what a source returned. Raises UserError."""
    parts = dict(answer) if isinstance(answer, Mapping) else {"train": answer}
    for key in parts:
        if key not in KEYS:
            raise UserError(*unknown_name(f"{place} returns a key that", str(key), KEYS))
    if parts.get("train") is None:
        raise UserError(f"{place} returns no 'train'", _RULE)
    pool = _images(parts["train"], "train", place, spec)
    test = None if parts.get("heldout") is None else _images(parts["heldout"], "heldout", place, spec)
    sides = {"train": pool} | ({} if test is None else {"heldout": test})
    if test is not None and test.shape[3] != pool.shape[3] and spec.channels is None:
        raise UserError(
            f"{place} returns {pool.shape[3]} channels to train on and {test.shape[3]} held out",
            "give both as many, or name `channels`",
        )
    labels, whys = _labels(parts, sides)
    notes = (f"split: {len(pool)} in train, {len(test)} in heldout",) if test is not None else ()
    names = tuple(str(name) for name in parts.get("class_names") or ())
    most = max((int(own.max()) + 1 for own in labels.values() if own is not None and len(own)), default=0)
    if names and len(names) < most:
        raise UserError(
            f"{place} returns {len(names)} class_names and labels up to {most - 1}", "name every class"
        )
    return Loaded(
        fit_arrays(pool, spec.shape),
        None if test is None else fit_arrays(test, spec.shape),
        labels.get("train"),
        labels.get("heldout"),
        class_names=names or tuple(str(i) for i in range(most)),
        notes=(*notes, *(f"passed over: labels, {why}" for why in whys), *enlarged_note(pool, spec.shape)),
        unlabelled="; ".join(dict.fromkeys(whys)),
    )


def _images(found: Any, key: str, place: str, spec: DatasetSpec) -> Images:
    images = found.detach().cpu().numpy() if hasattr(found, "detach") else np.asarray(found)
    if images.dtype != np.uint8:
        reach = f", {images.min()} to {images.max()}" if images.size and images.dtype.kind in "biuf" else ""
        raise UserError(f"{place} returns '{key}' of {images.dtype}{reach}", "images are uint8, 0 to 255")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise UserError(f"{place} returns '{key}' of shape {images.shape}", _RULE)
    if spec.size is None and images.shape[1] != images.shape[2]:
        raise UserError(
            f"{place} returns images of {images.shape[2]}x{images.shape[1]}, not square", NAME_A_SIZE
        )
    return np.ascontiguousarray(images)


def _labels(
    parts: Mapping[str, Any], sides: Mapping[str, Images]
) -> tuple[dict[str, Labels | None], list[str]]:
    """Return labels by side, and why some are none of classes."""
    labels: dict[str, Labels | None] = {}
    whys: list[str] = []
    for side, images in sides.items():
        given = parts.get(f"{side}_labels")
        if given is None:
            continue
        labels[side], why = as_labels(given, len(images))
        whys += [f"'{side}_labels' is {why}"] if why else []
    return labels, whys
