"""Packed images: one memory-mapped file of uint8 pixels, and beside it what they are.

images.u8          every image, (N, size, size, channels), row after row
names.json         the file each row came from
rows.npz           the rows of the pool and of the held-out split, and a hash of each row
pack.json          size, channels, filter, counts, what could not be used; written last
fingerprints.json  fingerprints already computed, by split
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Shape
from benchmark.data.loaded import Loaded, Rows
from benchmark.errors import MissingData, UserError
from pcvq2.trainer.whole_file import write_whole

FORMAT = 1
_TOLD = {"key", "source", "resize", "unusable", "content"}
_PREPARE = "bench data prepare packs images"


def read_packed(folder: Path, shape: Shape) -> Loaded:
    """Open a pack without reading its pixels. Raises UserError."""
    about = about_pack(folder)
    for key, asked in (("size", shape.size), ("channels", shape.channels), ("resize", shape.resize)):
        if asked not in (None, about[key]):
            raise UserError(
                f"{folder}: was packed with {key} {about[key]}, {key} {asked} is asked for",
                f"leave `{key}` out, or pack again with --{key} {asked}",
            )
    pool, test = _rows_of(folder, about)
    pixels = np.memmap(folder / "images.u8", dtype=np.uint8, mode="r", shape=shape_of(about))
    notes = [*about.get("notes", []), f"packed: resized by {about['resize']}"]
    if about["unusable"]:
        notes.append(f"passed over when packed: unusable images ({about['unusable']})")
    return Loaded(
        Rows(folder, pixels, pool),
        Rows(folder, pixels, test) if len(test) else None,
        notes=tuple(map(str, notes)),
    )


def about_pack(folder: Path) -> dict[str, Any]:
    """Return what pack.json says. Raises UserError for what is no pack, or not a whole one."""
    try:
        about = json.loads((folder / "pack.json").read_text())
        size = (folder / "images.u8").stat().st_size
    except (OSError, ValueError) as error:
        raise MissingData(f"{folder}: holds no packed images ({error})", _PREPARE) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else about
        hint = f"this version reads format {FORMAT}; pack the images again"
        raise UserError(f"{folder}: has pack format {found}", hint)
    counts = [about.get(key) for key in ("rows", "size", "channels")]
    if not all(isinstance(count, int) and count > 0 for count in counts) or _TOLD - about.keys():
        raise UserError(f"{folder}: pack.json is damaged", "pack the images again")
    if size != np.prod(shape_of(about)):
        raise UserError(
            f"{folder}: images.u8 has {size} bytes, {np.prod(shape_of(about))} belong there",
            "it was cut short or changed; pack the images again",
        )
    return dict(about)


def _rows_of(folder: Path, about: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of both splits. Raises UserError where they are not rows of the pack, each once."""
    try:
        with np.load(folder / "rows.npz") as stored:
            pool, test = stored["pool"].astype(np.int64), stored["test"].astype(np.int64)
            hashed = len(stored["hashes"])
    except Exception as error:  # damaged archives: NumPy and zipfile raise many kinds
        raise UserError(f"{folder}: rows.npz is damaged ({error})", "pack the images again") from error
    rows = np.concatenate([pool, test])
    sound = len(np.unique(rows)) == len(rows) and hashed == about["rows"]
    if not len(rows) or not sound or rows.min() < 0 or rows.max() >= about["rows"]:
        raise UserError(f"{folder}: rows.npz does not fit pack.json", "pack the images again")
    return pool, test


def shape_of(about: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return the shape of a pack's pixels."""
    return about["rows"], about["size"], about["size"], about["channels"]


def names_of(folder: Path) -> list[str]:
    """Return the file each row came from."""
    return list(json.loads((folder / "names.json").read_text()))


def fingerprint_of_rows(pool: Rows, test: Rows) -> str:
    """Return the fingerprint an unpacked dataset of the same images has; kept, since it reads every pixel."""
    split = hashlib.sha256(pool.rows.tobytes() + b"|" + test.rows.tobytes()).hexdigest()[:16]
    key = f"{about_pack(pool.folder)['content']}/{split}"
    path = pool.folder / "fingerprints.json"
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):  # none yet, or damaged: it is computed
        known = dict(json.loads(path.read_text()))
    if key not in known:
        digest = hashlib.sha256(f"{pool.shape}{test.shape}".encode())
        for part in (pool, test):
            for chunk in part.chunks():
                digest.update(np.ascontiguousarray(chunk).data)
        known[key] = digest.hexdigest()[:16]
        if os.access(pool.folder, os.W_OK):
            write_whole(path, json.dumps(known, indent=1).encode())
    return known[key]
