"""Pack images once: decoded, cropped and resized on every core, in constant memory, resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.cores import usable_cores
from benchmark.data.decoding import Shape
from benchmark.data.packed import FORMAT, about_pack, read_packed, shape_of
from benchmark.data.packing_blocks import HASH_BYTES, PackBlock, all_stamps, read_journal, work
from benchmark.data.places import Bad, Place, check_any, refusal
from benchmark.data.sources import reading_notes
from benchmark.data.splits import Decide, Split, split_by_folders
from benchmark.data.ticking import Tick
from benchmark.errors import UserError
from pcvq2.trainer.whole_file import write_whole


def pack(
    place: Place,
    target: Path,
    shape: Shape,
    *,
    decide: Decide = split_by_folders,
    processes: int | None = None,
    skip_unusable: bool = False,
    tick: Tick = lambda done, total: None,
) -> dict[str, Any]:
    """Pack a place's images into a folder; return what its pack.json says.

    Called again after whatever stopped it, it goes on where it was; rows that could not be used are tried
    again, and so are files that have changed. Images in no split are not packed. Raises UserError that names
    unusable files, unless they are to be skipped, and for a pack of other images or of files as they were.
    """
    assert shape.size is not None
    check_any(place)
    split = decide(place.names)
    place.names = [place.names[row] for row in split.used]
    split = split.of_used()
    key = _key(place, shape)
    if (target / "pack.json").is_file():
        return _packed_before(place, target, key)
    _check_room(target, len(place.names) * shape.size**2 * (shape.channels or 3))
    target.mkdir(parents=True, exist_ok=True)
    journal = target / "packing.jsonl"
    done = read_journal(journal, key, place)
    with journal.open("a", encoding="utf-8") as lines:
        for block in work(place, target, shape, done, processes or usable_cores()):
            done[block.start] = block
            lines.write(json.dumps(block.__dict__) + "\n")
            lines.flush()
            tick(sum(b.stop - b.start for b in done.values()), len(place.names))
    packing = _Packing(place, target, shape, key, [done[start] for start in sorted(done)])
    _check_bad(packing, split, skip_unusable=skip_unusable)
    about = _finish(packing, split)
    journal.unlink(missing_ok=True)
    return about


@dataclass(frozen=True)
class _Packing:
    """All that is known once every file has been read."""

    place: Place
    target: Path
    shape: Shape
    key: str
    blocks: list[PackBlock]

    @property
    def bad(self) -> list[Bad]:
        """Return the files that cannot be used."""
        return sorted([*self.place.bad, *[one for block in self.blocks for one in block.bad]])

    def usable(self, rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """Return those of some rows that hold an image."""
        bad = {name for name, _ in self.bad}
        kept = [row for row in ([] if rows is None else rows) if self.place.names[row] not in bad]
        return np.array(kept, dtype=np.int64)


def _check_bad(packing: _Packing, split: Split, *, skip_unusable: bool) -> None:
    """Refuse unusable files, or a side of the split that without them is empty; keep no pack of nothing."""
    bad, place = packing.bad, packing.place
    if not bad:
        return
    problem = refusal(place.label, bad, len(place.names) + len(place.bad))
    sides = [packing.usable(side) for side in (split.pool, split.heldout) if side is not None]
    if not any(len(side) for side in sides):
        for name in ("images.u8", "packing.jsonl"):
            (packing.target / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds what is not ours
            packing.target.rmdir()
        raise problem
    if not all(len(side) for side in sides):
        raise UserError(problem.message, "no image of one split is left: repair some, and run this again")
    if not skip_unusable:
        hint = "repair them and run this again (the rest is kept), or --skip-unusable"
        raise UserError(problem.message, hint)


def _key(place: Place, shape: Shape) -> str:
    """Return what must be the same for a pack, or a part of one, to be gone on with; stamps are beside it."""
    names = "\0".join([place.label, *place.names]).encode("utf-8", "surrogateescape")
    return f"{hashlib.sha256(names).hexdigest()[:16]}/{shape.size}/{shape.channels}/{shape.resizer}"


def _files(stamps: Iterable[str]) -> str:
    return hashlib.sha256("".join(stamps).encode()).hexdigest()[:16]


def has_changed(place: Place, about: dict[str, Any]) -> bool:
    """Say whether files were written again since they were packed; places are what `pack` made of them."""
    now = _files(all_stamps(place))
    return bool(about.get("files") != now)


def _packed_before(place: Place, target: Path, key: str) -> dict[str, Any]:
    about = about_pack(target)
    again = "remove that folder to pack them again, or name another --output"
    if about["key"].partition("/")[2] == key.partition("/")[2] and about["source"] == place.label:
        if about["key"] != key:
            raise UserError(f"{target}: {place.label} holds other files than when it was packed", again)
    elif about["key"] != key:
        shape = f"{about['size']} px, {about['channels']} channels, {about['resize']}"
        raise UserError(f"{target}: holds other packed images ({about['source']}, {shape})", again)
    if has_changed(place, about):
        raise UserError(f"{target}: files in {about['source']} have changed since they were packed", again)
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


def _finish(packing: _Packing, split: Split) -> dict[str, Any]:
    """Write what belongs beside the pixels, pack.json last."""
    place, target, shape, blocks = packing.place, packing.target, packing.shape, packing.blocks
    pool, test = packing.usable(split.pool), packing.usable(split.heldout)
    hashes = np.frombuffer(bytes.fromhex("".join(b.hashes for b in blocks)), dtype=np.uint8)
    grey = shape.channels is None and not any(block.colour for block in blocks)
    traits = sum((block.traits for block in blocks), Counter[str]())
    about: dict[str, Any] = {
        "format": FORMAT,
        "key": packing.key,
        "files": _files(block.stamps for block in blocks),
        "source": place.label,
        "rows": len(place.names),
        "size": shape.size,
        "channels": shape.channels or 3,
        "resize": shape.resizer,
        "pool": len(pool),
        "heldout": len(test),
        "unusable": len(packing.bad),
        "unusable_first": [list(one) for one in packing.bad[:20]],
        "content": hashlib.sha256(hashes.tobytes()).hexdigest()[:16],
        "notes": [*split.notes, *reading_notes(traits, place.ignored)],
    }
    if grey:
        hashes = _drop_channels(target / "images.u8", about)
    _write_rows(target, pool, test, hashes)
    write_whole(target / "names.json", json.dumps(place.names).encode())
    with (target / "images.u8").open("rb") as stream:
        os.fsync(stream.fileno())
    write_whole(target / "pack.json", json.dumps(about, indent=1).encode())
    return about


def _write_rows(
    target: Path, pool: NDArray[np.int64], test: NDArray[np.int64], hashes: NDArray[np.uint8]
) -> None:
    scratch = target / "rows.part.npz"
    np.savez(scratch, pool=pool, test=test, hashes=hashes.reshape(-1, HASH_BYTES))
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
            digests.append(hashlib.sha256(one).digest()[:HASH_BYTES])
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
        if hashlib.sha256(np.ascontiguousarray(pixels[row]).data).digest()[:HASH_BYTES]
        != hashes[row].tobytes()
    ]
