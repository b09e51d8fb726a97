"""Show the figures in README.md, under their captions."""

from __future__ import annotations

from benchmark.report.words.section import Contents


def figure_lines(contents: Contents) -> list[str]:
    """Return a picture, its caption and its other formats for each figure, then what could not be drawn."""
    lines: list[str] = []
    for caption in contents.captions:
        path = f"figures/{caption.stem}"
        lines += [
            f"![{caption.text.split('.')[0]}]({path}.png)",
            "",
            f"{caption.text} ([SVG]({path}.svg), [PDF]({path}.pdf))",
            "",
        ]
    return lines + [f"- {note}" for note in contents.notes]
