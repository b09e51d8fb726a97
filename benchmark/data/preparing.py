"""What `bench data prepare` and `bench data list` do: download, pack, and say what is there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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


@dataclass(frozen=True)
class PackWish:
    """Say what to pack, and how.

    what: a recipe's name, a folder or a zip. source: where a recipe's images lie. output: the pack's folder.
    any_count: a recipe's set may be a part of it. skip_unusable: pack the rest where files cannot be used.
    """

    what: str
    source: str | None
    shape: Shape
    output: Path | None = None
    any_count: bool = False
    skip_unusable: bool = False
    processes: int | None = None


def prepare_packed(wish: PackWish, tick: Tick) -> tuple[Path, dict[str, Any]]:
    """Pack a recipe's images, or those of a folder or zip; return where, and what was packed."""
    from benchmark.data.checking import open_place
    from benchmark.data.packing import pack
    from benchmark.data.places import check_any
    from benchmark.data.recipes import RECIPES, select
    from benchmark.data.splits import split_by_folders

    _check_wish(wish)
    what, shape = wish.what, wish.shape
    place = open_place(wish.source or what)
    check_any(place)
    known = what in RECIPES
    decide = select(what, place, any_count=wish.any_count).decide if known else split_by_folders
    name = what if wish.source is not None else _own_name(place)
    target = wish.output or packed_place(name, shape.size or DEFAULT_SIZE)
    try:
        about = pack(
            place,
            target,
            shape,
            decide=decide,
            processes=wish.processes,
            skip_unusable=wish.skip_unusable,
            tick=tick,
        )
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})", "name another --output"
        ) from error
    return target, about


def _check_wish(wish: PackWish) -> None:
    """Refuse a shape no image can have, a recipe without images, and a name that is a path."""
    from benchmark.data.recipes import RECIPES

    _check_shape(wish.shape)
    if wish.what in RECIPES and wish.source is None:
        recipe = RECIPES[wish.what]
        raise UserError(
            f"{wish.what}: name what to pack with --source PATH", f"{recipe.layout}; from {recipe.get}"
        )
    if wish.source is not None and Path(wish.what).name != wish.what:
        hint = f"a word, or `bench data prepare {wish.source}`"
        raise UserError(f"'{wish.what}' is no name for a pack", hint)


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
