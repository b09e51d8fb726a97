"""Write columns of text as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

Column = tuple[str, list[str]]  # heading, one text per row
_NAMES = ("dataset", "strategy")


def markdown(columns: Sequence[Column], *, words: bool = False) -> list[str]:
    """Return the lines of a Markdown table: names stand left, numbers right unless all columns are words."""
    headings = [_escape(heading) for heading, _ in columns]
    left = [words or not place or heading in _NAMES for place, heading in enumerate(headings)]
    rows = zip(*(texts for _, texts in columns), strict=True)
    return [
        f"| {' | '.join(headings)} |",
        f"|{''.join(':--|' if is_left else '--:|' for is_left in left)}",
        *(f"| {' | '.join(_escape(text) for text in row)} |" for row in rows),
    ]


def _escape(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
