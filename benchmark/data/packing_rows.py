"""Rows of a pack as they are written once all pixels are there: splits, hashes, channels of grey images."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.packed import shape_of
from benchmark.data.packing_blocks import HASH_BYTES


def write_rows(
    target: Path, pool: NDArray[np.int64], test: NDArray[np.int64], hashes: NDArray[np.uint8]
) -> None:
    """Write which rows are whose, and the hash of each row's pixels."""
    scratch = target / "rows.part.npz"
    np.savez(scratch, pool=pool, test=test, hashes=hashes.reshape(-1, HASH_BYTES))
    os.replace(scratch, target / "rows.npz")


def drop_channels(pixels: Path, about: dict[str, Any]) -> NDArray[np.uint8]:
    """Rewrite a pack of grey images with one channel; return the hashes of its rows."""
    old = np.memmap(pixels, dtype=np.uint8, mode="r", shape=shape_of(about))
    digests = []
    scratch = pixels.with_suffix(".part")
    with scratch.open("wb") as stream:
        for row in old:
            one = np.ascontiguousarray(row[..., 0]).tobytes()
            stream.write(one)
            digests.append(hashlib.sha256(one).digest()[:HASH_BYTES])
    os.replace(scratch, pixels)
    about["channels"] = 1
    about["content"] = hashlib.sha256(b"".join(digests)).hexdigest()[:16]
    return np.frombuffer(b"".join(digests), dtype=np.uint8)
