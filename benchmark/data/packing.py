"""Pack images once: decoded, cropped and resized on every core, in constant memory, resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.atomic import write_atomic
from benchmark.cores import usable_cores
from benchmark.data.decoding import Shape, UnusableImage, decode
from benchmark.data.packed import FORMAT, about_pack, read_packed, shape_of
from benchmark.data.places import Bad, Place, refusal, split_rows
from benchmark.data.ticking import Tick
from benchmark.errors import UserError

_BLOCK = 64  # rows a process packs before it reports
_HASH_BYTES = 16
Split = Callable[[list[str]], tuple[list[int], list[int] | None]]


@dataclass
class _Block:
    """What became of some rows."""

    start: int
    stop: int
    bad: list[Bad] = field(default_factory=list)
    hashes: str = ""  # of each row's pixels, hexadecimal, one after the other
    colour: bool = False  # some image is not grey


def pack(
    place: Place,
    target: Path,
    shape: Shape,
    *,
    split: Split = split_rows,
    processes: int | None = None,
    skip_unusable: bool = False,
    tick: Tick = lambda done, total: None,
) -> dict[str, Any]:
    """Pack a place's images into a folder; return what its pack.json says.

    Called again after whatever stopped it, it goes on where it was; rows that could not be used are tried
    again. Raises UserError that names unusable files, unless they are to be skipped.
    """
    assert shape.size is not None
    key = _key(place, shape)
    if (target / "pack.json").is_file():
        return _packed_before(target, key)
    _check_room(target, len(place.names) * shape.size**2 * (shape.channels or 3))
    target.mkdir(parents=True, exist_ok=True)
    journal = target / "packing.jsonl"
    done = _read_journal(journal, key)
    with journal.open("a", encoding="utf-8") as lines:
        for block in _work(place, target, shape, done, processes or usable_cores()):
            done[block.start] = block
            lines.write(json.dumps(block.__dict__) + "\n")
            lines.flush()
            tick(sum(b.stop - b.start for b in done.values()), len(place.names))
    bad = sorted([*place.bad, *[one for block in done.values() for one in block.bad]])
    if bad and (not skip_unusable or len(bad) >= len(place.names) + len(place.bad)):
        problem = refusal(place.label, bad, len(place.names) + len(place.bad))
        raise UserError(
            problem.message, "repair them and run this again (the rest is kept), or --skip-unusable"
        )
    about = _finish(place, target, shape, key, done, split)
    journal.unlink()
    return about


def _key(place: Place, shape: Shape) -> str:
    names = hashlib.sha256("\0".join(place.names).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{FORMAT}/{names}/{shape.size}/{shape.channels}/{shape.resize}"


def _packed_before(target: Path, key: str) -> dict[str, Any]:
    about = about_pack(target)
    if about["key"] != key:
        raise UserError(
            f"{target}: holds other packed images ({about['source']}, {about['size']} px)",
            "name another --output, or remove that folder",
        )
    return about


def _check_room(target: Path, needed: int) -> None:
    folder = target
    while not folder.exists():
        folder = folder.parent
    present = (target / "images.u8").stat().st_blocks * 512 if (target / "images.u8").exists() else 0
    free = shutil.disk_usage(folder).free
    if free + present < needed:
        raise UserError(
            f"{target}: {free / 2**30:.1f} GiB are free, the pack needs {needed / 2**30:.1f} GiB",
            "free some space, or name another --output",
        )


def _read_journal(journal: Path, key: str) -> dict[int, _Block]:
    """Return the blocks done by an earlier call with the same images and shape; begin anew otherwise."""
    done: dict[int, _Block] = {}
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else []
    if not lines or lines[0] != json.dumps(key):
        journal.write_text(json.dumps(key) + "\n", encoding="utf-8")
        return done
    for line in lines[1:]:
        with contextlib.suppress(ValueError):  # the last line of a run that was killed while writing it
            values = json.loads(line)
            done[values["start"]] = _Block(**{**values, "bad": [tuple(one) for one in values["bad"]]})
    if not journal.read_bytes().endswith(b"\n"):
        with journal.open("a", encoding="utf-8") as stream:
            stream.write("\n")
    return {start: block for start, block in done.items() if not block.bad}


def _work(
    place: Place, target: Path, shape: Shape, done: dict[int, _Block], processes: int
) -> Iterator[_Block]:
    """Yield the blocks that are left, as they are finished."""
    starts = [start for start in range(0, len(place.names), _BLOCK) if start not in done]
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


def _pack_block(start: int) -> _Block:
    """Decode some images and write their rows; runs in a worker process."""
    place, file, shape = _mine
    block = _Block(start, min(start + _BLOCK, len(place.names)))
    channels = shape.channels or 3
    for row in range(start, block.stop):
        name = place.names[row]
        try:
            pixels = decode(place.read(name), shape).pixels
        except UnusableImage as problem:
            block.bad.append((name, str(problem)))
            block.hashes += "0" * (2 * _HASH_BYTES)
            continue
        block.colour |= pixels.shape[2] == 3
        row_bytes = np.broadcast_to(pixels, (*pixels.shape[:2], channels)).tobytes()
        os.pwrite(file, row_bytes, row * len(row_bytes))
        block.hashes += hashlib.sha256(row_bytes).hexdigest()[: 2 * _HASH_BYTES]
    return block


def _finish(
    place: Place, target: Path, shape: Shape, key: str, done: dict[int, _Block], split: Split
) -> dict[str, Any]:
    """Write what belongs beside the pixels, pack.json last."""
    blocks = [done[start] for start in sorted(done)]
    bad = {name for block in blocks for name, _ in block.bad}
    usable = [row for row, name in enumerate(place.names) if name not in bad]
    pool, test = split([place.names[row] for row in usable])
    rows = np.array(usable, dtype=np.int64)
    hashes = np.frombuffer(bytes.fromhex("".join(b.hashes for b in blocks)), dtype=np.uint8)
    grey = shape.channels is None and not any(block.colour for block in blocks)
    about: dict[str, Any] = {
        "format": FORMAT,
        "key": key,
        "source": place.label,
        "rows": len(place.names),
        "size": shape.size,
        "channels": shape.channels or 3,
        "resize": shape.resize,
        "pool": len(pool),
        "heldout": len(test or []),
        "unusable": len(bad) + len(place.bad),
        "unusable_first": [
            list(one) for one in sorted([*place.bad, *[b for k in blocks for b in k.bad]])[:20]
        ],
        "content": hashlib.sha256(hashes.tobytes()).hexdigest()[:16],
    }
    if grey:
        hashes = _drop_channels(target / "images.u8", about)
    _write_rows(target, rows[pool], rows[test or []], hashes)
    write_atomic(target / "names.json", json.dumps(place.names).encode())
    with (target / "images.u8").open("rb") as stream:
        os.fsync(stream.fileno())
    write_atomic(target / "pack.json", json.dumps(about, indent=1).encode())
    return about


def _write_rows(
    target: Path, pool: NDArray[np.int64], test: NDArray[np.int64], hashes: NDArray[np.uint8]
) -> None:
    scratch = target / "rows.part.npz"
    np.savez(scratch, pool=pool, test=test, hashes=hashes.reshape(-1, _HASH_BYTES))
    os.replace(scratch, target / "rows.npz")


def _drop_channels(pixels: Path, about: dict[str, Any]) -> NDArray[np.uint8]:
    """Rewrite a pack of grey images with one channel; return the hashes of its rows."""
    old = np.memmap(pixels, dtype=np.uint8, mode="r", shape=shape_of(about))
    digests = []
    scratch = pixels.with_suffix(".part")
    with scratch.open("wb") as stream:
        for row in old:
            one = np.ascontiguousarray(row[..., 0]).tobytes()
            stream.write(one)
            digests.append(hashlib.sha256(one).digest()[:_HASH_BYTES])
    os.replace(scratch, pixels)
    about["channels"] = 1
    about["content"] = hashlib.sha256(b"".join(digests)).hexdigest()[:16]
    return np.frombuffer(b"".join(digests), dtype=np.uint8)


def verify(folder: Path) -> list[int]:
    """Return the rows whose pixels are no longer what was packed."""
    loaded = read_packed(folder, Shape())
    with np.load(folder / "rows.npz") as stored:
        rows = np.sort(np.concatenate([stored["pool"], stored["test"]]))
        hashes = stored["hashes"]
    pixels = loaded.pool.pixels  # type: ignore[union-attr]
    return [
        int(row)
        for row in rows
        if hashlib.sha256(np.ascontiguousarray(pixels[row]).data).digest()[:_HASH_BYTES]
        != hashes[row].tobytes()
    ]
