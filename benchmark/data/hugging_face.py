"""Hugging Face data sets: `hf:NAME`, or `hf:PATH` of a local image folder or parquet files (extra `hf`)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.decoding import Shape, UnusableImage
from benchmark.data.loaded import Labels, Loaded
from benchmark.data.sources import read_place
from benchmark.errors import UserError

_INSTALL = "pip install 'phased-augmentation-bench[hf]'"


def read_hugging_face(name: str, shape: Shape) -> Loaded:
    """Read the splits train and test (or validation) of a data set with one column of images."""
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
    kept = [split for split in ("train", "test", "validation") if split in splits][:2]
    if "train" not in kept:
        raise UserError(
            f"hf:{name}: has the splits {', '.join(map(str, splits))}", "it needs one named train"
        )
    place = _Rows(f"hf:{name}", {split: splits[split] for split in kept})
    loaded = read_place(place, shape)
    labels = place.labels()
    return Loaded(
        loaded.pool,
        loaded.test,
        labels.get("train"),
        labels.get(kept[1]) if len(kept) > 1 else None,
        class_names=place.class_names,
        notes=loaded.notes,
    )


class _Rows:
    """The rows of one or two splits as a place of named images: train/0, train/1, ..., test/0, ..."""

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
        # a held-out split is `test` to the rest of the harness, whatever its name here
        self._rows = {("train" if split == "train" else "test"): rows for split, rows in raw.items()}
        self._names = dict(zip(raw, self._rows, strict=True))
        self.names = [f"{split}/{i}" for split, rows in self._rows.items() for i in range(len(rows))]

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

    def labels(self) -> dict[str, Labels]:
        """Return the labels by the split's own name; empty when there are none."""
        if not self._label_column:
            return {}
        return {
            own: np.asarray(self._rows[ours][self._label_column], dtype=np.int64)
            for own, ours in self._names.items()
        }
