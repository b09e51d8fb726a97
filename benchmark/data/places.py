"""Folders and zips as lists of named images: every file is listed, refused with a reason, or counted."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from benchmark.data.decoding import UnusableImage
from benchmark.errors import MissingData, UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")
SHOWN = 20  # names in a message; the rest is a count
_LARGEST_BYTES = 2**30  # of one file; no photograph is that large, an unpacked zip bomb is

Bad = tuple[str, str]  # name, reason


class Place(Protocol):
    """Somewhere images lie: picklable, so that several processes may read it."""

    label: str
    names: list[str]  # of all files that are meant to be images, in a fixed order
    bad: list[Bad]  # what is named like an image and cannot even be opened
    ignored: Counter[str]  # what was passed over, by kind

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises UnusableImage."""
        raise NotImplementedError

    def stamp(self, name: str) -> str:
        """Return what changes when a file's bytes do, without reading them."""
        raise NotImplementedError


class Folder:
    """Every image under a folder; links are followed, each folder is entered once."""

    def __init__(self, root: Path) -> None:
        if not os.path.isdir(root):  # which a name too long or a folder that is closed to us cannot upset
            raise MissingData(f"{root}: no such folder", "folder:PATH must name a folder of images")
        self.root, self.label = root, str(root)
        self.names: list[str] = []
        self.bad: list[Bad] = []
        self.ignored: Counter[str] = Counter()
        for entry in self._walk():
            name = os.path.relpath(entry.path, root)
            kind = _ignored_kind(name)
            if kind:
                self.ignored[kind] += 1
            elif _is(entry.is_file):
                self.names.append(name)
            else:
                broken = "a link that leads nowhere" if entry.is_symlink() else "not a regular file"
                self.bad.append((name, broken))
        self.names.sort(key=lambda name: PurePosixPath(name).parts)
        self.bad.sort()

    def _walk(self) -> Iterator[os.DirEntry[str]]:
        """Yield every entry that is not a folder; real folders before linked ones, so that real names win."""
        entered: set[tuple[int, int]] = set()
        waiting: list[str] = [str(self.root)]
        links: list[str] = []
        while waiting or links:
            folder = waiting.pop() if waiting else links.pop(0)
            try:
                if _identity(folder) in entered:
                    self.ignored["links to folders read already"] += 1
                    continue
                entered.add(_identity(folder))
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self.bad.append((os.path.relpath(folder, self.root), f"folder {_why(error)}"))
                continue
            for entry in entries:
                if not _is(entry.is_dir):
                    yield entry
                else:
                    (links if entry.is_symlink() else waiting).append(entry.path)

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises UnusableImage."""
        path = self.root / name
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise UnusableImage("larger than 1 GiB")
            return path.read_bytes()
        except OSError as error:
            raise UnusableImage(_why(error)) from error

    def stamp(self, name: str) -> str:
        """Return a file's size and the time it was written."""
        try:
            about = (self.root / name).stat()
        except OSError as error:
            return _why(error)
        return f"{about.st_size} {about.st_mtime_ns}"


class Zip:
    """Every image in a zip archive; nothing is unpacked to disk."""

    def __init__(self, path: Path) -> None:
        if not os.path.isfile(path):
            raise MissingData(f"{path}: no such file", "zip:PATH must name a zip archive of images")
        self.path, self.label = path, str(path)
        self.bad: list[Bad] = []
        self.ignored: Counter[str] = Counter()
        self._archive: zipfile.ZipFile | None = None
        try:
            listed = self._open().namelist()
        except Exception as error:  # damaged directories: zipfile raises many kinds
            hint = "zip:PATH must name a zip archive"
            raise UserError(f"{path}: not a readable zip ({error})", hint) from error
        names = set()
        for name in listed:
            parts = PurePosixPath(name.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts:
                raise UserError(
                    f"{path}: the entry '{shown_file(name)}' points outside the archive",
                    "refused: names must be relative, without '..'",
                )
            kind = "entries that stand twice" if name in names else _ignored_kind(str(parts))
            if name.endswith("/"):
                continue
            if kind:
                self.ignored[kind] += 1
            else:
                names.add(name)
        self.names = sorted(names)

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None:
            self._archive = zipfile.ZipFile(self.path)
        return self._archive

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_archive": None}  # each process opens its own

    def read(self, name: str) -> bytes:
        """Return an entry's bytes. Raises UnusableImage."""
        try:
            if self._open().getinfo(name).file_size > _LARGEST_BYTES:
                raise UnusableImage("larger than 1 GiB")
            return self._open().read(name)
        except UnusableImage:
            raise
        except (
            Exception
        ) as error:  # damaged, encrypted or packed in an unknown way: zipfile raises many kinds
            raise UnusableImage(f"cannot be unpacked: {error}") from error

    def stamp(self, name: str) -> str:
        """Return an entry's size and checksum."""
        about = self._open().getinfo(name)
        return f"{about.file_size} {about.CRC:08x}"


def check_any(place: Place) -> None:
    """Refuse a place without a single image. Raises UserError."""
    if not place.names and not place.bad:
        there = ", ".join(f"{count} {kind}" for kind, count in place.ignored.most_common(3))
        looked = f"looked for {', '.join(SUFFIXES)}, also in subfolders"
        raise UserError(f"{place.label}: holds no image", looked + (f"; there are {there}" if there else ""))


def refusal(label: str, bad: Sequence[Bad], total: int) -> UserError:
    """Build the error that names unusable files: the first 20 with their reasons, and a count."""
    hint = "repair or remove them; nothing was trained (bench data check PLACE lists all kinds)"
    if len(bad) == 1:
        name, reason = bad[0]
        return UserError(f"{label}: '{shown_file(name)}' is not a readable image ({reason})", hint)
    lines = [f"  '{shown_file(name)}' is not a readable image ({reason})" for name, reason in bad[:SHOWN]]
    if len(bad) > SHOWN:
        lines.append(f"  ... and {len(bad) - SHOWN} more")
    return UserError("\n".join([f"{label}: {len(bad)} of {total} files cannot be used", *lines]), hint)


def shown_file(name: str) -> str:
    """Write a file's name so that any terminal and any encoding can show it on one line."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _ignored_kind(name: str) -> str:
    path = PurePosixPath(name)
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return "hidden files"
    if path.suffix.lower() in SUFFIXES:
        return ""
    return f"{shown_file(path.suffix.lower())} files" if path.suffix else "files without a suffix"


def _identity(path: str | Path) -> tuple[int, int]:
    about = os.stat(path)
    return about.st_dev, about.st_ino


def _is(question: Callable[[], bool]) -> bool:
    """Ask an entry what it is; a link that leads round in circles is nothing."""
    try:
        return question()
    except OSError:
        return False


def _why(error: OSError) -> str:
    return f"cannot be opened: {error.strerror or error}"
