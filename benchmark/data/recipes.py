"""The two sets of the paper: where to get them, what must be there, and which images are held out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from benchmark.data.places import Place
from benchmark.data.splits import Decide, Split, split_by_folders, split_kind
from benchmark.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """How to find one set's images among the files of its distribution."""

    get: str  # where it comes from
    layout: str  # what the folder or zip looks like
    counts: tuple[int, int]  # pool, held-out
    belongs: Callable[[PurePosixPath], bool]
    order: Callable[[str], object]
    decide: Decide


def _number(name: str) -> int:
    digits = re.findall(r"\d+", PurePosixPath(name).stem)
    return int(digits[-1]) if digits else -1


def _is_face(path: PurePosixPath) -> bool:
    other = {"thumbnails128x128", "in-the-wild-images"} & set(path.parts)
    return not other and _number(path.name) >= 0


def _last_seventh(names: Sequence[str]) -> Split:
    """Hold out the last seventh: images 60,000 to 69,999, FFHQ's own validation set, when all are there."""
    first, rows = len(names) - len(names) // 7, np.arange(len(names))
    notes = (f"split: {first} first, {len(names) - first} last",)
    return Split(rows[:first], rows[first:], rows[:0], notes)


def _is_cat(path: PurePosixPath) -> bool:
    return path.parent.name == "cat" and bool(split_kind(path.parent.parent.name))


RECIPES: dict[str, Recipe] = {
    "ffhq": Recipe(
        get="github.com/NVlabs/ffhq-dataset: download_ffhq.py --images (89 GB); or all of it resized",
        layout="images1024x1024/00000/00000.png ..., or a folder or zip of 00000.png to 69999.png",
        counts=(60_000, 10_000),
        belongs=_is_face,
        order=_number,
        decide=_last_seventh,
    ),
    "afhqv2-cat": Recipe(
        get="github.com/clovaai/stargan-v2: bash download.sh afhq-v2-dataset (7 GB)",
        layout="train/cat/*.png and test/cat/*.png, as a folder or in afhq_v2.zip",
        counts=(5_065, 493),
        belongs=_is_cat,
        order=lambda name: PurePosixPath(name).parts,
        decide=split_by_folders,
    ),
}


def select(name: str, place: Place, *, any_count: bool) -> Recipe:
    """Keep the files of a place that belong to a set, in its order. Raises UserError for other counts."""
    recipe = RECIPES[name]
    kept = [one for one in place.names if recipe.belongs(PurePosixPath(one))]
    others = len(place.names) - len(kept)
    place.ignored += Counter({"images of other parts": others})
    place.names = sorted(kept, key=recipe.order)  # type: ignore[arg-type]
    split = recipe.decide(place.names)
    found = len(split.pool), 0 if split.heldout is None else len(split.heldout)
    if 0 in found or (found != recipe.counts and not any_count):
        raise UserError(
            f"{place.label}: holds {found[0]:,} + {found[1]:,} images of {name}, "
            f"{recipe.counts[0]:,} + {recipe.counts[1]:,} are expected",
            f"expected: {recipe.layout}; from {recipe.get}; --any-count packs a part",
        )
    return recipe
