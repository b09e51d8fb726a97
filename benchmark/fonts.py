"""Fonts that have the characters of the names in a figure, where this machine has such fonts."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FONT = "DejaVu Sans"  # comes with matplotlib: a report looks the same everywhere
_PLACEHOLDERS = "Last Resort"  # a font of boxes


def families_for(names: Iterable[str]) -> tuple[list[str], str]:
    """Return the fonts to draw names with, in order, and the characters that none here has.

    Others than the usual one are only named where they are needed: they differ from machine to machine.
    """
    missing = {c for name in names for c in name if c.isprintable()} - _characters(_file(FONT))
    families = [FONT]
    while missing:
        best, found = max(
            ((family, len(missing & _characters(file))) for family, file in _installed().items()),
            key=lambda pair: (pair[1], pair[0]),
            default=("", 0),
        )
        if not found:
            break
        families.append(best)
        missing -= _characters(_file(best))
    return families, "".join(sorted(missing))


def glyphs_remark(names: Iterable[str]) -> str | None:
    """Say which characters are boxes in figures, if any."""
    _, missing = families_for(names)
    if not missing:
        return None
    return f"no font here has {missing}: boxes in the figures; install one that has them, e.g. Noto Sans CJK"


def font_file_for(text: str) -> str:
    """Return the file of the one font that writes most of a text."""
    families, _ = families_for([text])
    return max(map(_file, families), key=lambda file: sum(c in _characters(file) for c in text))


@functools.cache
def _characters(file: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(file).get_charmap()))
    except (OSError, RuntimeError):  # a font file that FreeType does not read has nothing to offer
        return frozenset()


def _installed() -> dict[str, str]:
    """Return family -> file of the upright fonts of usual weight."""
    return {
        font.name: font.fname
        for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.fname)
        if font.style == "normal" and not font.name.startswith(_PLACEHOLDERS) and Path(font.fname).is_file()
    }


def _file(family: str) -> str:
    return str(font_manager.findfont(family))
