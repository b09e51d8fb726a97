"""Hugging Face data sets: `hf:NAME`, or `hf:PATH` of a local image folder or parquet files (extra `hf`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.decoding import Shape, UnusableImage
from benchmark.data.loaded import Labels, Loaded, as_labels
from benchmark.data.sources import read_place
from benchmark.data.splits import Split, heldout_kind, passed_over, split_kind, whole
from benchmark.errors import UserError

_INSTALL = "pip install 'phased-augmentation-bench[hf]'"


def read_hugging_face(name: str, shape: Shape) -> Loaded:
    """Read the pool and what is held out (`benchmark.data.splits`) of a set with one column of images."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(f"hf:{name}: the package `datasets` is not installed", _INSTALL) from error
    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(name)
    except Exception as error:  # no such name, no network, unknown files: many kinds
        first = " ".join(str(error).split())[:200]
        raise UserError(
            f"hf:{name}: cannot be loaded ({type(error).__name__}: {first})",
            "hf:NAME is a data set of the Hugging Face Hub, hf:./PATH a folder of images or parquet files",
        ) from error
    kinds = {str(split): split_kind(str(split)) for split in splits}
    held = heldout_kind(kinds.values())
    pool = [split for split, kind in kinds.items() if kind == "train"]
    if not pool:
        raise UserError(f"hf:{name}: has the splits {', '.join(kinds)}", "it needs one named train")
    test = [split for split, kind in kinds.items() if kind and kind == held]
    place = _Rows(f"hf:{name}", {split: splits[split] for split in (*pool, *test)})
    left = Counter({f"in {split}": len(splits[split]) for split in kinds if split not in (*pool, *test)})
    loaded = read_place(place, shape, lambda names: _split(names, test))
    labels, why = place.labels(pool)
    test_labels, test_why = place.labels(test)
    whys = [one for one in (why, test_why) if one]
    notes = (*loaded.notes, *(f"passed over: labels, {one}" for one in whys))
    return replace(
        loaded,
        pool_labels=labels,
        test_labels=test_labels,
        class_names=place.class_names,
        notes=(*notes, passed_over("images in no split", left)) if left else notes,
        unlabelled="; ".join(whys),
    )


def _split(names: Sequence[str], test: Sequence[str]) -> Split:
    """Split rows by the splits the data set comes with."""
    held = np.array([name.partition("/")[0] in test for name in names])
    if not test:
        return whole(len(names))
    counts = Counter(name.partition("/")[0] for name in names)
    shown = ", ".join(f"{count} in {split}" for split, count in counts.items())
    neither = np.empty(0, dtype=np.int64)
    return Split(np.flatnonzero(~held), np.flatnonzero(held), neither, (f"split: {shown}",))


class _Rows:
    """The rows of some splits as a place of named images: train/0, train/1, ..., validation/0, ..."""

    def __init__(self, label: str, splits: dict[str, Any]) -> None:
        import datasets

        self.label, self.bad, self.ignored = label, [], Counter[str]()  # type: ignore[var-annotated]
        features = next(iter(splits.values())).features
        columns = [key for key, kind in features.items() if isinstance(kind, datasets.Image)]
        if len(columns) != 1:
            raise UserError(
                f"{label}: has {len(columns)} columns of images ({', '.join(columns) or 'none'})",
                f"exactly one is needed; its columns are {', '.join(features)}",
            )
        (self._column,) = columns
        labelled = [key for key, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
        self._label_column = labelled[0] if labelled else ""
        self.class_names: tuple[str, ...] = tuple(features[labelled[0]].names) if labelled else ()
        raw = {
            split: rows.cast_column(self._column, datasets.Image(decode=False))
            for split, rows in splits.items()
        }
        self._rows = raw
        self.names = [f"{split}/{i}" for split, rows in raw.items() for i in range(len(rows))]

    def read(self, name: str) -> bytes:
        """Return a row's bytes. Raises UnusableImage."""
        split, _, row = name.partition("/")
        stored = self._rows[split][int(row)][self._column]
        if stored is None:
            raise UnusableImage("no image in this row")
        if stored["bytes"] is not None:
            return bytes(stored["bytes"])
        try:
            return Path(stored["path"]).read_bytes()
        except OSError as error:
            raise UnusableImage(f"cannot be opened: {error.strerror or error}") from error

    def stamp(self, name: str) -> str:
        """Return nothing: rows of a data set are not packed."""
        return ""

    def labels(self, splits: Sequence[str]) -> tuple[Labels | None, str]:
        """Return the labels of some splits in a row; None, and why, where there are none of use."""
        column = self._label_column
        if not column or not splits:
            return None, ""
        found = [label for split in splits for label in self._rows[split][column]]
        lacking = sum(label is None or label < 0 for label in found)
        if lacking:
            return None, f"'{column}' lacks {lacking} of {len(found)} in {', '.join(splits)}"
        labels, why = as_labels(found, len(found))
        return labels, why and f"'{column}' is {why}"
