"""Names that people give by naming a file: only an ending that is known is cut, never what follows a dot."""

from __future__ import annotations

from pathlib import Path, PurePath

_SUITES = (".yaml", ".yml", ".json")  # a manifest names its suite as well
_DATA = (".zip", ".npz", ".npy")


def suite_name(path: str | Path) -> str:
    """Return the name of a suite: its file's, `digits.v2` for `suites/digits.v2.yaml`."""
    return _cut(path, _SUITES)


def place_name(place: str | Path) -> str:
    """Return the name of a data set that nobody named: its folder's or its file's."""
    return _cut(place, _DATA)


def _cut(path: str | Path, endings: tuple[str, ...]) -> str:
    name = PurePath(path)
    return name.stem if name.suffix.lower() in endings else name.name
