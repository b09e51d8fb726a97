"""What `bench data prepare` and `bench data list` do: download, pack, and say what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.data.decoding import RESIZERS, Shape
from benchmark.data.names import EMBEDDED, PLACES, RECIPES, TORCHVISION, data_root, packed_place
from benchmark.data.ticking import Tick
from benchmark.errors import UserError, unknown_name

DEFAULT_SIZE = 256  # pixels, of a recipe


def prepare_packed(
    what: str,
    source: str | None,
    shape: Shape,
    output: Path | None,
    *,
    any_count: bool,
    skip_unusable: bool,
    processes: int | None,
    tick: Tick,
) -> tuple[Path, dict[str, Any]]:
    """Pack a recipe's images, or those of a folder or zip; return where, and what was packed."""
    from benchmark.data.checking import open_place
    from benchmark.data.packing import pack
    from benchmark.data.places import split_rows
    from benchmark.data.recipes import RECIPES as KNOWN
    from benchmark.data.recipes import select

    if shape.resize not in RESIZERS:
        raise UserError(*unknown_name("--resize", shape.resize, RESIZERS))
    if what in KNOWN and source is None:
        recipe = KNOWN[what]
        raise UserError(
            f"{what}: name what to pack with --source PATH", f"{recipe.layout}; from {recipe.get}"
        )
    place = open_place(source or what)
    split = select(what, place, any_count=any_count).split if what in KNOWN else split_rows
    name = what if what in KNOWN or source else Path(place.label).stem
    target = output or packed_place(name, shape.size or DEFAULT_SIZE)
    about = pack(
        place,
        target,
        shape,
        split=split,
        processes=processes,
        skip_unusable=skip_unusable,
        tick=tick,
    )
    return target, about


def source_rows() -> list[tuple[str, str, str]]:
    """Return the rows of `bench data list`: source, what it is, whether it is here."""
    root = data_root()
    rows = [("source", "what it is", "here")]
    rows += [(name, about, "embedded") for name, about in EMBEDDED.items()]
    for name, known in TORCHVISION.items():
        folder = root / "torchvision"
        traces = {"CIFAR10": "cifar-10*", "CIFAR100": "cifar-100*", "SVHN": "*_32x32.mat", "STL10": "stl10*"}
        found = any(folder.glob(traces.get(known.class_name, f"{known.class_name}*")))
        found = found or any(folder.glob(f"{name}*"))
        rows.append((name, known.about, str(folder) if found else "downloaded at first use"))
    for name, about in RECIPES.items():
        packed = sorted(path.parent.name for path in root.glob(f"{name}-*/pack.json"))
        rows.append((name, about, ", ".join(packed) or f"bench data prepare {name} --source PATH"))
    return rows + [(name, about, "") for name, about in PLACES.items()]
