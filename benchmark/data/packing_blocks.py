"""Pack images block by block, on every core, with a journal from which an interrupted packing goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.data.decoding import Shape, UnusableImage, decode
from benchmark.data.places import Bad, Place

_BLOCK = 64  # rows a process packs before it reports
HASH_BYTES = 16


@dataclass
class PackBlock:
    """What became of some rows."""

    start: int
    stop: int
    stamps: str  # of the files as they were read
    bad: list[Bad] = field(default_factory=list)
    hashes: str = ""  # of each row's pixels, hexadecimal, one after the other
    colour: bool = False  # some image is not grey
    traits: Counter[str] = field(default_factory=Counter)


def stamps_of(place: Place, start: int, stop: int) -> str:
    """Return what changes when some files do."""
    return hashlib.sha256("\0".join(map(place.stamp, place.names[start:stop])).encode()).hexdigest()[:16]


def starts_of(place: Place) -> range:
    """Return the first row of every block."""
    return range(0, len(place.names), _BLOCK)


def all_stamps(place: Place) -> Iterator[str]:
    """Yield the stamps of a place's files as they are now, block by block."""
    for start in starts_of(place):
        yield stamps_of(place, start, start + _BLOCK)


def read_journal(journal: Path, key: str, place: Place) -> dict[int, PackBlock]:
    """Return the blocks done by an earlier call with the same images and shape; begin anew otherwise."""
    done: dict[int, PackBlock] = {}
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else []
    pixels = journal.with_name("images.u8")
    if not lines or lines[0] != json.dumps(key) or not pixels.is_file():
        pixels.unlink(missing_ok=True)
        journal.write_text(json.dumps(key) + "\n", encoding="utf-8")
        return done
    for line in lines[1:]:
        # the last line of a run that was killed while writing it, or lines of an earlier version
        with contextlib.suppress(ValueError, TypeError, KeyError):
            values = json.loads(line)
            bad, traits = [tuple(one) for one in values["bad"]], Counter(values["traits"])
            done[values["start"]] = PackBlock(**{**values, "bad": bad, "traits": traits})
    if not journal.read_bytes().endswith(b"\n"):
        with journal.open("a", encoding="utf-8") as stream:
            stream.write("\n")
    return {
        start: block
        for start, block in done.items()
        if not block.bad and block.stamps == stamps_of(place, start, block.stop)
    }


def work(
    place: Place, target: Path, shape: Shape, done: dict[int, PackBlock], processes: int
) -> Iterator[PackBlock]:
    """Yield the blocks that are left, as they are finished."""
    starts = [start for start in starts_of(place) if start not in done]
    if not starts:
        return
    pixels = target / "images.u8"
    pixels.touch()
    size = shape.size or 0
    os.truncate(pixels, len(place.names) * size * size * (shape.channels or 3))
    context = multiprocessing.get_context("spawn")  # forking a process that has threads is not safe
    with ProcessPoolExecutor(
        min(processes, len(starts)), context, initializer=_begin, initargs=(place, str(pixels), shape)
    ) as pool:
        waiting = {pool.submit(_pack_block, start) for start in starts}
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


_mine: tuple[Place, int, Shape]  # of a worker process: the place, the open file, the shape


def _begin(place: Place, pixels: str, shape: Shape) -> None:
    global _mine
    _mine = place, os.open(pixels, os.O_WRONLY), shape


def _pack_block(start: int) -> PackBlock:
    """Decode some images and write their rows; runs in a worker process."""
    place, file, shape = _mine
    stop = min(start + _BLOCK, len(place.names))
    block = PackBlock(start, stop, stamps_of(place, start, stop))  # before they are read
    channels = shape.channels or 3
    for row in range(start, block.stop):
        name = place.names[row]
        try:
            image = decode(place.read(name), shape)
        except UnusableImage as problem:
            block.bad.append((name, str(problem)))
            block.hashes += "0" * (2 * HASH_BYTES)
            continue
        pixels = image.pixels
        block.traits.update(image.traits)
        block.colour |= pixels.shape[2] == 3
        row_bytes = np.broadcast_to(pixels, (*pixels.shape[:2], channels)).tobytes()
        os.pwrite(file, row_bytes, row * len(row_bytes))
        block.hashes += hashlib.sha256(row_bytes).hexdigest()[: 2 * HASH_BYTES]
    return block
