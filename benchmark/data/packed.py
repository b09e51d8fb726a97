"""Packed images: one memory-mapped file of uint8 pixels, and beside it what they are.

images.u8          every image, (N, size, size, channels), row after row
names.json         the file each row came from
rows.npz           the rows of the pool and of the held-out split, and a hash of each row
pack.json          size, channels, filter, counts, what could not be used; written last
fingerprints.json  fingerprints already computed, by split
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.atomic import write_atomic
from benchmark.data.decoding import Shape
from benchmark.data.loaded import Loaded, Rows
from benchmark.errors import MissingData, UserError

FORMAT = 1
_PREPARE = "bench data prepare packs images"


def read_packed(folder: Path, shape: Shape) -> Loaded:
    """Open a pack without reading its pixels. Raises UserError."""
    about = about_pack(folder)
    for key, asked in (("size", shape.size), ("channels", shape.channels)):
        if asked not in (None, about[key]):
            raise UserError(
                f"{folder}: was packed with {key} {about[key]}, {key} {asked} is asked for",
                f"leave `{key}` out, or pack again with --{key} {asked}",
            )
    pixels = np.memmap(folder / "images.u8", dtype=np.uint8, mode="r", shape=shape_of(about))
    with np.load(folder / "rows.npz") as stored:
        pool, test = stored["pool"], stored["test"]
    notes = [f"packed: resized by {about['resize']}"]
    if about["unusable"]:
        notes.append(f"passed over when packed: unusable images ({about['unusable']})")
    return Loaded(
        Rows(folder, pixels, pool),
        Rows(folder, pixels, test) if len(test) else None,
        notes=tuple(notes),
    )


def about_pack(folder: Path) -> dict[str, Any]:
    """Return what pack.json says. Raises UserError for what is no pack, or not a whole one."""
    try:
        about = json.loads((folder / "pack.json").read_text())
        size = (folder / "images.u8").stat().st_size
    except (OSError, ValueError) as error:
        raise MissingData(f"{folder}: holds no packed images ({error})", _PREPARE) from error
    if about.get("format") != FORMAT:
        hint = f"this version reads format {FORMAT}; pack the images again"
        raise UserError(f"{folder}: has pack format {about.get('format')}", hint)
    if size != np.prod(shape_of(about)):
        raise UserError(
            f"{folder}: images.u8 has {size} bytes, {np.prod(shape_of(about))} belong there",
            "it was cut short or changed; pack the images again",
        )
    return dict(about)


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
    known: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    if key not in known:
        digest = hashlib.sha256(f"{pool.shape}{test.shape}".encode())
        for part in (pool, test):
            for chunk in part.chunks():
                digest.update(np.ascontiguousarray(chunk).data)
        known[key] = digest.hexdigest()[:16]
        if os.access(pool.folder, os.W_OK):
            write_atomic(path, json.dumps(known, indent=1).encode())
    return known[key]
