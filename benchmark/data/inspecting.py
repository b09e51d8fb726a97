"""Load a source by the name a person types, and say what it holds."""

from __future__ import annotations

from pathlib import Path

from benchmark.data.checking import Findings, check_place, open_place
from benchmark.data.dataset import Dataset, DatasetSpec, load_dataset
from benchmark.data.decoding import ENLARGED
from benchmark.data.duplicates import find_duplicates
from benchmark.data.loaded import Rows
from benchmark.data.names import NAMED_SOURCES, SOURCES
from benchmark.data.own_source import hash_of_source, own_full
from benchmark.data.packed import about_pack, names_of
from benchmark.data.packing import has_changed, verify
from benchmark.data.paths import full_path, images_name, is_there, kind_at
from benchmark.data.ticking import Tick
from benchmark.errors import UserError
from strategies.contract.plugin import shown_name as plugin_name
from strategies.contract.plugin import split_name

_MIXED_SIZE = 64  # pixels, for comparing images of many sizes, or of too many pixels
_LARGEST_BYTES = 2**30
_ARCHIVES = (".zip", ".npz", ".npy")


def named_source(text: str) -> tuple[str, str]:
    """Return a name and the source a suite would write for a source or a path. Raises UserError."""
    kind, colon, place = text.partition(":")
    if split_name(text) is not None:
        return plugin_name(text), own_full(text)
    if colon and kind in SOURCES and SOURCES[kind].place:
        if not place:
            raise UserError(f"'{text}' names no place", f"e.g. {kind}:PATH")
        if kind == "hf" and not is_there(place):
            return place.rpartition("/")[2], text
        path = full_path(place)
        return images_name(path), f"{kind}:{path}"
    looks_like_a_path = not colon and ("/" in text or text.lower().endswith(_ARCHIVES))
    if text in NAMED_SOURCES or not (is_there(text) or looks_like_a_path):
        return text, text
    path = full_path(text)
    return images_name(path), f"{kind_at(path)}:{path}"


def load_named(source: str, size: int | None, heldout: int | None) -> Dataset:
    """Load a source as a suite names it, or a path. Raises UserError."""
    name, full = named_source(source)
    return load_dataset(DatasetSpec(name, full, size=size, heldout=heldout, source_hash=hash_of_source(full)))


def inspect(source: str, size: int | None, heldout: int | None, tick: Tick) -> tuple[list[str], bool]:
    """Return what there is to say about a source, and whether all of it can be used."""
    kind = named_source(source)[1].partition(":")[0]
    lines: list[str] = []
    compared = size
    if kind in ("folder", "zip"):
        findings = check_place(open_place(source), tick)
        lines += findings.lines()
        if findings.bad or findings.usable < 4:
            return lines, not findings.bad and findings.usable > 0
        compared = size or _size_for_comparison(findings)
    dataset = load_named(source, compared, heldout)
    lines.append(f"  as a data set: {prepared_line(dataset, source)}")
    notes = (f"  {note}" for note in dataset.notes if compared == size or ENLARGED not in note)
    lines += [note for note in notes if note not in lines]
    lines += find_duplicates(dataset.train, dataset.heldout).lines()
    changed = verify(dataset.train.folder) if isinstance(dataset.train, Rows) else []
    if isinstance(dataset.train, Rows) and source_changed(dataset.train.folder):
        lines.append("  the files it was packed from have changed since: remove it and pack them again")
    if changed:
        lines.append(f"  CHANGED since packing: {len(changed)} rows, first {changed[:20]}; pack again")
    return lines, not changed


def source_changed(pack: Path) -> bool:
    """Say whether the files of a pack are still there, and have been written again since."""
    about = about_pack(pack)
    if "files" not in about or not is_there(about["source"]):
        return False
    place, names = open_place(about["source"]), names_of(pack)
    gone = not set(names) <= set(place.names)
    place.names = names
    return gone or has_changed(place, about)


def _size_for_comparison(findings: Findings) -> int | None:
    """Return None where a suite would need no `size` either and the images fit into memory."""
    ((width, height), *others) = findings.sizes
    small = findings.usable * width * height * 3 <= _LARGEST_BYTES
    return None if not others and width == height and small else _MIXED_SIZE


def prepared_line(dataset: Dataset, source: str) -> str:
    """Say in one line what a suite gets."""
    side, kind = dataset.size, "grey" if dataset.channels == 1 else "colour"
    return (
        f"{source}: {len(dataset.train)} to train on, {len(dataset.heldout)} held out{_skipped(dataset)}, "
        f"{side}x{side} {kind}, fingerprint {dataset.fingerprint}"
    )


def _skipped(dataset: Dataset) -> str:
    """Say how many files a pack lacks."""
    if not isinstance(dataset.train, Rows):
        return ""
    count = about_pack(dataset.train.folder)["unusable"]
    return f", {count} skipped as unusable" if count else ""
