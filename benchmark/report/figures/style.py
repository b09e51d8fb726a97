"""Give every figure one look, and every strategy one colour and marker throughout a suite."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from benchmark.fonts import FONT, families_for, glyphs_remark

# Okabe & Ito (2008), *Color Universal Design*; yellow (faint on white) gives way to brown, black is softened.
PALETTE = ("#333333", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C510A")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*", "h")  # 9 markers, 8 colours: 72 distinct pairs
FAMILIAR = {"none": 0, "none-early-stop": 1, "constant": 2, "phased": 3, "adaptive": 4}
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
MOST_ROWS = 6  # budgets, one above the other; a page holds no more
MOST_DOTS = 20  # single seeds beside an interval; more are a blot
GREY, GRID = "#6B6B6B", "#E4E4E4"
PNG_DPI = 150

RC: Any = {
    "font.family": FONT,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.parse_math": False,
    "svg.hashsalt": "bench report",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
}


@dataclass(frozen=True)
class StrategyStyle:
    """Hold a strategy's colour and marker."""

    color: str
    marker: str


def strategy_styles(strategies: Sequence[str]) -> dict[str, StrategyStyle]:
    """Assign colours and markers: familiar names look the same in every suite, others follow in order."""
    taken = {FAMILIAR[name] for name in strategies if name in FAMILIAR}
    free = (slot for slot in itertools.count() if slot not in taken)
    slots = [FAMILIAR[name] if name in FAMILIAR else next(free) for name in strategies]
    return {
        name: StrategyStyle(PALETTE[slot % len(PALETTE)], MARKERS[slot % len(MARKERS)])
        for name, slot in zip(strategies, slots, strict=True)
    }


def drawn_budgets(budgets: Sequence[int]) -> list[int]:
    """Choose the budgets that get a row of panels: all, or the ends and those evenly between them."""
    if len(budgets) <= MOST_ROWS:
        return list(budgets)
    return [budgets[round(row * (len(budgets) - 1) / (MOST_ROWS - 1))] for row in range(MOST_ROWS)]


def rows_phrase(budgets: Sequence[int]) -> str:
    """Say how many budgets have no row; nothing where all have one."""
    return f"; {MOST_ROWS} of {len(budgets)} budgets" if len(budgets) > MOST_ROWS else ""


@contextlib.contextmanager
def styled(names: Iterable[str] = ()) -> Iterator[None]:
    """Make and render figures inside; matplotlib's settings are restored at its end.

    Characters of the given names that no font here has become boxes, which is said on standard error.
    """
    names = list(names)
    families, _ = families_for(names)
    remark = glyphs_remark(names)
    if remark is not None:
        print(remark, file=sys.stderr)
    with matplotlib.rc_context(RC | {"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # once is enough
        yield


def rendered(figure: Figure) -> dict[str, bytes]:
    """Render a figure as PNG, SVG and PDF, the same bytes every time."""
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # laid out once, for all three; "none" would draw each of them twice
    images = {}
    for kind, metadata in _METADATA.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata)
        images[kind] = buffer.getvalue()
    return images


_METADATA: dict[
    str, dict[str, None]
] = {  # None leaves out what changes from day to day or version to version
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def legend_below(figure: Figure, handles: Sequence[Artist], title: str) -> None:
    """Put a legend under all panels, in as many columns as the figure's width holds."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    fitting = int(figure.get_figwidth() * 72 / (longest * 5.6 + 42))
    columns = max(1, min(len(handles), fitting))
    figure.set_figheight(figure.get_figheight() + 0.2 * (math.ceil(len(handles) / columns) - 1))
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=columns,
        title=title,
        title_fontproperties={"size": 8.5},
        columnspacing=1.6,
        handletextpad=0.6,
    )
