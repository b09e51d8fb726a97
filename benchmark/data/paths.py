"""What lies at a path, by its content, and what it is called."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from benchmark.errors import UserError
from benchmark.naming import place_name

_OF_ARRAYS = (".npz", ".npy")


def full_path(text: str, base: Path | None = None) -> Path:
    """Return the absolute path of what a person typed, relative to a folder. Raises UserError."""
    try:
        return ((base or Path()) / Path(text).expanduser()).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # no such user, a null byte, links in a circle
        raise UserError(f"'{text}' is no path ({error})", "name a folder or a file") from error


def is_there(text: str) -> bool:
    """Say whether a path exists, whatever was typed."""
    try:
        return full_path(text).exists()
    except (OSError, UserError):
        return False


def kind_at(path: Path) -> str:
    """Return the kind of source a path is: packed, folder, npz or zip. Raises UserError for nothing there."""
    if os.path.isdir(path):
        return "packed" if os.path.isfile(path / "pack.json") else "folder"
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such folder or file", "name a folder, a zip or an npz of images")
    return "npz" if path.suffix.lower() in _OF_ARRAYS or _holds_arrays_only(path) else "zip"


def images_name(path: Path) -> str:
    """Return a name for the images at a path: a folder's whole name, a file's without its ending."""
    path = full_path(str(path))
    name = path.name if os.path.isdir(path) else place_name(path)
    return name or "images"


def _holds_arrays_only(path: Path) -> bool:
    """Say whether a zip is one that NumPy wrote, whatever its name."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # no zip, or a damaged one: whoever opens it says so
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)
