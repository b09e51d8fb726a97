"""Load a source by the name a person types, and say what it holds."""

from __future__ import annotations

from pathlib import Path

from benchmark.data.checking import Findings, check_place, open_place
from benchmark.data.dataset import Dataset, DatasetSpec, load_dataset
from benchmark.data.duplicates import find_duplicates
from benchmark.data.loaded import Rows
from benchmark.data.names import PLACES
from benchmark.data.packing import verify
from benchmark.data.ticking import Tick

_MIXED_SIZE = 64  # pixels, for comparing images of many sizes, or of too many pixels
_LARGEST_BYTES = 2**30


def load_named(source: str, size: int | None, heldout: int | None) -> Dataset:
    """Load a source as a suite names it, or a path. Raises UserError."""
    kind, colon, place = source.partition(":")
    if colon and f"{kind}:" in {known.partition(":")[0] + ":" for known in PLACES}:
        path = Path(place).expanduser()
        full = f"{kind}:{path.resolve()}" if kind != "hf" or path.exists() else source
        name = path.stem
    elif Path(source).expanduser().exists():
        path = Path(source).expanduser().resolve()
        packed = (path / "pack.json").is_file()
        full = f"{'packed' if packed else 'folder' if path.is_dir() else 'zip'}:{path}"
        name = path.stem
    else:
        full = name = source
    return load_dataset(DatasetSpec(name, full, size=size, heldout=heldout))


def inspect(source: str, size: int | None, heldout: int | None, tick: Tick) -> tuple[list[str], bool]:
    """Return what there is to say about a source, and whether all of it can be used."""
    kind = source.partition(":")[0]
    path = Path(source).expanduser()
    lines: list[str] = []
    if kind in ("folder", "zip") or (path.exists() and not (path / "pack.json").is_file()):
        findings = check_place(open_place(source), tick)
        lines += findings.lines()
        if findings.bad or findings.usable < 4:
            return lines, not findings.bad and findings.usable > 0
        size = size or _size_for_comparison(findings)
    dataset = load_named(source, size, heldout)
    lines.append(f"  as a data set: {prepared_line(dataset, source)}")
    lines += [f"  {note}" for note in dataset.notes if "packed" in note]
    lines += find_duplicates(dataset.train, dataset.heldout).lines()
    changed = verify(dataset.train.folder) if isinstance(dataset.train, Rows) else []
    if changed:
        lines.append(f"  CHANGED since packing: {len(changed)} rows, first {changed[:20]}; pack again")
    return lines, not changed


def _size_for_comparison(findings: Findings) -> int | None:
    """Return None where a suite would need no `size` either and the images fit into memory."""
    ((width, height), *others) = findings.sizes
    small = findings.usable * width * height * 3 <= _LARGEST_BYTES
    return None if not others and width == height and small else _MIXED_SIZE


def prepared_line(dataset: Dataset, source: str) -> str:
    """Say in one line what a suite gets."""
    side, kind = dataset.size, "grey" if dataset.channels == 1 else "colour"
    return (
        f"{source}: {len(dataset.train)} to train on, {len(dataset.heldout)} held out, "
        f"{side}x{side} {kind}, fingerprint {dataset.fingerprint}"
    )
