"""Choose from what a source holds: the classes that are asked for, and the images that are held out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images
from benchmark.data.loaded import Labels, Loaded, Rows
from benchmark.data.splits import Split
from benchmark.errors import UserError, unknown_name

if TYPE_CHECKING:
    from benchmark.data.dataset import DatasetSpec

SPLIT_SEED = 20230523  # the one seed of every held-out split; not a knob
HELDOUT_MOST = 500
_HELDOUT_SHARE = 0.2
_LEAST = 2  # held-out images; any score needs two


def held_out(loaded: Loaded, spec: DatasetSpec) -> Loaded:
    """Split a source that has no split of its own, or take as much of its own as is asked for."""
    pool, test = loaded.pool, loaded.test
    place = f"dataset '{spec.name}'"
    order = np.random.default_rng(SPLIT_SEED).permutation(len(pool if test is None else test))
    if test is None:
        count = spec.heldout or min(HELDOUT_MOST, int(len(pool) * _HELDOUT_SHARE))
        if not _LEAST <= count < len(pool):
            most = len(pool) - 1
            allowed = f"{_LEAST} to {most} can be" if most >= _LEAST else "more images are needed"
            named = "" if spec.heldout else ", a fifth of them"
            raise UserError(
                f"{place}: cannot hold out {count} of {len(pool)} images{named}",
                f"heldout must leave images to train on: {allowed}",
            )
        split = Split(order[count:], order[:count], order[:0])
        return _rearranged(loaded, split)
    if spec.heldout is not None and spec.heldout > len(test):
        raise UserError(
            f"{place}: cannot hold out {spec.heldout} of the {len(test)} images in test/",
            f"heldout may be {_LEAST} to {len(test)}",
        )
    if not len(test) or not len(pool):
        raise UserError(
            f"{place}: {len(pool)} images to train on and {len(test)} held out", "both sides need some"
        )
    if spec.heldout is None:
        return loaded
    chosen, labels = order[: spec.heldout], loaded.test_labels
    return replace(loaded, test=_take(test, chosen), test_labels=_rows(labels, chosen))


def _rearranged(loaded: Loaded, split: Split) -> Loaded:
    """Part a pool in two."""
    assert split.heldout is not None
    return replace(
        loaded,
        pool=_take(loaded.pool, split.pool),
        test=_take(loaded.pool, split.heldout),
        pool_labels=_rows(loaded.pool_labels, split.pool),
        test_labels=_rows(loaded.pool_labels, split.heldout),
    )


def _take(images: Images | Rows, rows: NDArray[np.int64]) -> Images | Rows:
    return images.take(rows) if isinstance(images, Rows) else images[rows]


def _rows(labels: Labels | None, rows: NDArray[np.int64]) -> Labels | None:
    return None if labels is None else labels[rows]


def of_classes(loaded: Loaded, spec: DatasetSpec) -> Loaded:
    """Keep the images of the classes a spec names. Raises UserError."""
    if spec.classes is None:
        return loaded
    place = f"dataset '{spec.name}': classes"
    sides = [(loaded.pool, loaded.pool_labels)]
    sides += [] if loaded.test is None else [(loaded.test, loaded.test_labels)]
    kept = []
    for images, labels in sides:
        if labels is None:
            raise UserError(*_no_classes(place, loaded, spec))
        for name in spec.classes:
            if name not in loaded.class_names:
                raise UserError(*unknown_name(place, name, loaded.class_names))
        wanted = [loaded.class_names.index(name) for name in spec.classes]
        rows = np.flatnonzero(np.isin(labels, wanted))
        kept.append((_take(images, rows), labels[rows]))
    pool, labels = kept[0]
    if loaded.test is None:
        return replace(loaded, pool=pool, pool_labels=labels)
    test, test_labels = kept[1]
    if not len(pool) or not len(test):
        left = f"{len(pool)} of {len(loaded.pool)} images to train on"
        raise UserError(
            f"{place} {', '.join(spec.classes)} leave {left} and {len(test)} of {len(loaded.test)} held out",
            "both sides need some: name more classes",
        )
    return replace(loaded, pool=pool, pool_labels=labels, test=test, test_labels=test_labels)


def _no_classes(place: str, loaded: Loaded, spec: DatasetSpec) -> tuple[str, str]:
    """Say that a source has no classes to choose from, or not in both splits."""
    if loaded.unlabelled:
        return (
            f"{place}: labels of '{spec.source}' cannot be used, {loaded.unlabelled}",
            "leave `classes` out",
        )
    if loaded.pool_labels is None and loaded.test_labels is None:
        return f"{place}: '{spec.source}' knows no classes", "leave the key `classes` out"
    lacks = "held-out images" if loaded.test_labels is None else "images to train on"
    return f"{place}: '{spec.source}' has no labels for its {lacks}", "leave the key `classes` out"
