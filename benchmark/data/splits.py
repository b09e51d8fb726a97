"""Which images are trained on and which are held out: decided here, by words, for every kind of source.

Words are compared without case. train and training name the pool; test and testing what is held out; val,
valid and validation too, but only where there is no test, else their images are in no split.

In a path the first folder that is a split decides. Folders are splits where one of the pool stands beside one
that is held out, unless they stand among at least two folders of other names that hold as many images:
then they are classes (a train is a vehicle, too). Every file is in one split or counted as in none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

Path = tuple[str, ...]  # the folders of a file, outermost first

_KINDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
}
# what stands beside splits and is no class
_ASIDE = {
    *("extra", "unlabeled", "unlabelled", "unsupervised", "unsup", "samples", "results", "predictions"),
    *("mask", "masks", "label", "labels", "annotation", "annotations", "ground", "truth", "gt", "thumbnails"),
}


@dataclass(frozen=True)
class Split:
    """Rows of the pool, of the held-out split (None: the source has none) and of neither: each row once."""

    pool: NDArray[np.int64]
    heldout: NDArray[np.int64] | None
    neither: NDArray[np.int64]
    notes: tuple[str, ...] = ()  # what to say of it

    def __post_init__(self) -> None:
        rows = np.sort(np.concatenate([self.pool, self._heldout, self.neither]))
        assert np.array_equal(rows, np.arange(len(rows))), "an image stands in two splits, or in none"

    @property
    def _heldout(self) -> NDArray[np.int64]:
        return _rows(()) if self.heldout is None else self.heldout

    @property
    def used(self) -> NDArray[np.int64]:
        """Return the rows of the pool and of the held-out split, rising."""
        return np.sort(np.concatenate([self.pool, self._heldout]))

    def of_used(self) -> Split:
        """Return the same split of the used rows alone, counted anew from 0."""
        used = self.used
        held = None if self.heldout is None else np.searchsorted(used, self.heldout)
        return Split(np.searchsorted(used, self.pool), held, _rows(()), self.notes)


Decide = Callable[[Sequence[str]], Split]  # names of images -> their split


def split_kind(word: str) -> str:
    """Return 'train', 'test' or 'val' for a name of a split, '' for any other word."""
    return _KINDS.get(word.casefold(), "")


def heldout_kind(kinds: Iterable[str]) -> str:
    """Say which kind is held out among those that are there: test, else val, else none ('')."""
    there = set(kinds)
    return "test" if "test" in there else "val" if "val" in there else ""


def whole(count: int, notes: tuple[str, ...] = ()) -> Split:
    """Return the split of a source that has none."""
    return Split(_rows(range(count)), None, _rows(()), notes)


def split_by_folders(names: Sequence[str]) -> Split:
    """Split files by the folders they lie in."""
    folders = [PurePosixPath(name.replace("\\", "/")).parts[:-1] for name in names]
    tree = _Tree(folders)
    words = [tree.word(parts) for parts in folders]
    kinds = {split_kind(word) for word in words}
    held = heldout_kind(kinds)
    if "train" not in kinds or not held:
        return whole(len(names), (*tree.notes(), *_without_split(tree, words)))
    sides = {"train": "pool", held: "heldout"}
    rows: dict[str, list[int]] = {"pool": [], "heldout": [], "neither": []}
    shown: dict[str, Counter[str]] = {side: Counter() for side in rows}
    for row, (parts, word) in enumerate(zip(folders, words, strict=True)):
        side = sides.get(split_kind(word), "neither")
        rows[side].append(row)
        shown[side][f"under {word or parts[0]}/" if word or parts else "beside the folders"] += 1
    notes = [*tree.notes(), f"split: {_counted(shown['pool'])}, {_counted(shown['heldout'])}"]
    if rows["neither"]:
        notes.append(passed_over("images in no split", shown["neither"]))
    return Split(_rows(rows["pool"]), _rows(rows["heldout"]), _rows(rows["neither"]), tuple(notes))


def passed_over(what: str, counts: Counter[str]) -> str:
    """Return the note on what was passed over: how many, and where the most of them are."""
    return f"passed over: {what} ({_counted(counts)})"


class _Tree:
    """The folders of a source, and which of them are splits."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.children: dict[Path, Counter[str]] = defaultdict(Counter)  # images below each folder's folders
        for parts, count in Counter(folders).items():
            for depth, child in enumerate(parts):
                self.children[parts[:depth]][child] += count
        both = [parent for parent in self.children if self._has_both(parent)]
        self._of_classes = [parent for parent in both if self._are_classes(parent)]
        self._levels = set(both) - set(self._of_classes)
        self._depths = {len(parent) for parent in self._levels}

    def word(self, parts: Path) -> str:
        """Return the folder that says which split a file is in, '' where none does."""
        named = [
            depth
            for depth, part in enumerate(parts)
            if split_kind(part) and parts[:depth] not in self._of_classes
        ]
        if not named:
            return ""
        beside = [depth for depth in named if parts[:depth] in self._levels]
        as_deep = [depth for depth in named if depth in self._depths]  # a class without images of one split
        return parts[(beside or as_deep or named)[0]]

    def others(self, parent: Path) -> Counter[str]:
        """Return the images in folders beside splits that may be classes."""
        return Counter({c: n for c, n in self.children[parent].items() if not _is_no_class(c)})

    def notes(self) -> tuple[str, ...]:
        """Say which folders bear names of splits and are none."""
        return tuple(
            f"{_listed([c for c in self.children[parent] if split_kind(c)])} stand among "
            f"{_listed(list(self.others(parent)))}: taken for classes, not for splits"
            for parent in self._of_classes
        )

    def _has_both(self, parent: Path) -> bool:
        kinds = {split_kind(child) for child in self.children[parent]}
        return "train" in kinds and bool(heldout_kind(kinds))

    def _are_classes(self, parent: Path) -> bool:
        others = self.others(parent)
        inside = sum(count for child, count in self.children[parent].items() if split_kind(child))
        return len(others) >= 2 and others.total() >= inside


def _without_split(tree: _Tree, words: Sequence[str]) -> tuple[str, ...]:
    """Say why folders named like splits split nothing."""
    present = Counter(word for word in words if word)
    if not present:
        return ()
    if "train" not in map(split_kind, present):
        return (f"no split: {_counted(_under(present))}, and no train/: a part of all images is held out",)
    beside: Counter[str] = Counter()
    for parent, children in tree.children.items():
        if any(split_kind(child) == "train" for child in children):
            beside += tree.others(parent)
    if not beside:
        return ()
    return (f"no split: train/ stands beside {_counted(_under(beside))}, and no test/ or val/: one pool",)


def _is_no_class(folder: str) -> bool:
    tokens = set(re.split(r"[\W_]+", folder.casefold()))
    return bool(tokens & (_ASIDE | _KINDS.keys()))


def _rows(rows: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(rows), dtype=np.int64)


def _under(counts: Counter[str]) -> Counter[str]:
    return Counter({f"under {folder}/": count for folder, count in counts.items()})


def _counted(counts: Counter[str]) -> str:
    most = [f"{count} {where}" for where, count in counts.most_common(5)]
    left = counts.total() - sum(count for _, count in counts.most_common(5))
    return ", ".join([*most, *([f"{left} elsewhere"] if left else [])])


def _listed(folders: Sequence[str]) -> str:
    more = f" and {len(folders) - 5} more" if len(folders) > 5 else ""
    return ", ".join(f"{folder}/" for folder in folders[:5]) + more
