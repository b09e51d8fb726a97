"""What `bench data prepare` and `bench data list` do: download, pack, and say what is there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.data.decoding import RESIZERS, Shape
from benchmark.data.names import TORCHVISION, data_root, named, packed_place
from benchmark.data.paths import images_name
from benchmark.data.ticking import Tick
from benchmark.errors import UserError, unknown_name
from benchmark.own import SOURCE_POINTS, installed_names

if TYPE_CHECKING:
    from benchmark.data.places import Place

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
    from benchmark.data.places import check_any
    from benchmark.data.recipes import RECIPES as KNOWN
    from benchmark.data.recipes import select
    from benchmark.data.splits import split_by_folders

    _check_shape(shape)
    if what in KNOWN and source is None:
        recipe = KNOWN[what]
        raise UserError(
            f"{what}: name what to pack with --source PATH", f"{recipe.layout}; from {recipe.get}"
        )
    if source is not None and Path(what).name != what:
        raise UserError(f"'{what}' is no name for a pack", f"a word, or `bench data prepare {source}`")
    place = open_place(source or what)
    check_any(place)
    decide = select(what, place, any_count=any_count).decide if what in KNOWN else split_by_folders
    name = what if source is not None else _own_name(place)
    target = output or packed_place(name, shape.size or DEFAULT_SIZE)
    try:
        about = pack(
            place,
            target,
            shape,
            decide=decide,
            processes=processes,
            skip_unusable=skip_unusable,
            tick=tick,
        )
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})", "name another --output"
        ) from error
    return target, about


def _check_shape(shape: Shape) -> None:
    if shape.resize is not None and shape.resize not in RESIZERS:
        raise UserError(*unknown_name("--resize", shape.resize, RESIZERS))
    if shape.channels not in (None, 1, 3):
        raise UserError(f"--channels {shape.channels}: no such images", "1 grey, 3 colour")


def _own_name(place: Place) -> str:
    """Return a name that no other folder or zip shares, whatever it is called."""
    label = place.label.encode("utf-8", "surrogateescape")
    return f"{images_name(Path(place.label))}-{hashlib.sha256(label).hexdigest()[:8]}"


def source_rows() -> list[tuple[str, str, str]]:
    """Return the rows of `bench data list`: source, what it is, whether it is here."""
    root = data_root()
    rows = [("source", "what it is", "here")]
    rows += [(name, known.about, "embedded") for name, known in named("embedded").items()]
    for name, known in named("downloaded").items():
        folder = root / "torchvision"
        traces = {"CIFAR10": "cifar-10*", "CIFAR100": "cifar-100*", "SVHN": "*_32x32.mat", "STL10": "stl10*"}
        class_name = TORCHVISION[name].class_name
        found = any(folder.glob(traces.get(class_name, f"{class_name}*")))
        found = found or any(folder.glob(f"{name}*"))
        rows.append((name, known.about, str(folder) if found else "downloaded at first use"))
    for name, known in named("packed").items():
        found_packs = (path.parent.name for path in root.glob(f"{name}-*/pack.json"))
        packed = sorted(pack for pack in found_packs if pack.removeprefix(f"{name}-").isdigit())
        rows.append((name, known.about, ", ".join(packed) or f"bench data prepare {name} --source PATH"))
    rows += [(known.written(name), known.about, "") for name, known in named("place").items()]
    return [*rows, *_own_rows()]


def _own_rows() -> list[tuple[str, str, str]]:
    """Return how the user's own are named, and what packages bring."""
    about = "what a function of your own returns: uint8 arrays (bench new source NAME)"
    brought = [(name, "of an installed package", "installed") for name in installed_names(SOURCE_POINTS)]
    return [("./FILE.py:NAME", about, ""), *brought]
