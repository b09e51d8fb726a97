"""Names that people give by naming a file, and names of files made from what people call things."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

_SUITES = (".yaml", ".yml", ".json")  # a manifest names its suite as well
_DATA = (".zip", ".npz", ".npy")
_LONGEST = 100  # characters of a name


def suite_name(path: str | Path) -> str:
    """Return the name of a suite: its file's, `digits.v2` for `suites/digits.v2.yaml`."""
    return _cut(path, _SUITES)


def place_name(place: str | Path) -> str:
    """Return the name of a data set that nobody named: its folder's or its file's."""
    return _cut(place, _DATA)


def _cut(path: str | Path, endings: tuple[str, ...]) -> str:
    name = PurePath(path)
    return name.stem if name.suffix.lower() in endings else name.name


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Return name -> part of a file name: short, safe anywhere, distinct where names differ at all."""
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_LONGEST].strip("-.") or "dataset"
        numbered = (stem if i == 1 else f"{stem}-{i}" for i in itertools.count(1))
        stems[name] = next(found for found in numbered if found.casefold() not in taken)
        taken.add(stems[name].casefold())  # some file systems do not tell case
    return stems
