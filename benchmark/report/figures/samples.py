"""Lay out images pixel for pixel: what is real, what is reconstructed, what each strategy samples."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.style import GREY, PNG_DPI, RC, strategy_styles
from benchmark.report.words.formatting import shortened

GridImages = NDArray[np.uint8]  # (N, H, W, C)
_TILE = 48  # least side of an image on the page, in pixels
_WIDTH = 1040  # width to fill with images, in pixels
_GAP, _BLOCK_GAP, _PADDING, _TITLE = 2, 12, 14, 46
_KINDS = ("samples", "nearest_train", "heldout", "reconstructions")


@dataclass(frozen=True)
class GridRow:
    """Hold one labelled row; `bold` starts a block, `color` marks the strategy it belongs to."""

    label: str
    images: GridImages
    bold: bool = False
    color: str | None = None


def load_images(runs: Path, trial_id: str) -> dict[str, GridImages] | None:
    """Load a trial's image artifact; None when it is absent or not readable."""
    try:
        with np.load(_images_path(runs, trial_id), allow_pickle=False) as stored:
            beside = [name for name in ("nearest_heldout",) if name in stored.files]
            return {name: np.asarray(stored[name], dtype=np.uint8) for name in (*_KINDS, *beside)}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


def grid_images(
    comparison: SuiteComparison, runs: Path, dataset: str, budget: int
) -> tuple[int, dict[str, dict[str, GridImages]]]:
    """Return the lowest seed with images of most strategies, and those images by strategy."""
    by_seed: dict[int, dict[str, str]] = {}  # looks for files only: images are read for the seed shown
    for strategy in comparison.suite.strategies:
        for trial in comparison.suite.planned(dataset, budget, strategy):
            if trial in comparison.suite.records and _images_path(runs, trial.id).is_file():
                by_seed.setdefault(trial.seed, {})[strategy] = trial.id
    best: tuple[int, dict[str, dict[str, GridImages]]] = (0, {})
    for seed in sorted(by_seed, key=lambda seed: (-len(by_seed[seed]), seed)):
        if len(by_seed[seed]) <= len(best[1]):
            break  # no later seed can have more
        loaded = {name: load_images(runs, trial_id) for name, trial_id in by_seed[seed].items()}
        readable = {name: images for name, images in loaded.items() if images is not None}
        if len(readable) > len(best[1]):
            best = seed, readable
    return best


def _images_path(runs: Path, trial_id: str) -> Path:
    return runs / "artifacts" / trial_id / "images.npz"


def sample_figure(
    comparison: SuiteComparison, found: Mapping[str, Mapping[str, GridImages]], title: str
) -> Figure:
    """Draw held-out images, reconstructions, each strategy's samples over nearest training images."""
    baseline = comparison.suite.baseline
    first = baseline if baseline is not None and baseline in found else next(iter(found))
    shown = found[first]["reconstructions"]
    shared = all(np.array_equal(images["reconstructions"], shown) for images in found.values())
    rows = [
        GridRow("held-out images", found[first]["heldout"], bold=True),
        GridRow("reconstructions" if shared else f"reconstructions ({shortened(first, 16)})", shown),
    ]
    styles = strategy_styles(comparison.suite.strategies)
    for strategy in comparison.suite.strategies:
        if strategy in found:
            color = styles[strategy].color
            rows.append(
                GridRow(
                    f"{shortened(strategy, 30)}: samples", found[strategy]["samples"], bold=True, color=color
                )
            )
            rows.append(GridRow("nearest training images", found[strategy]["nearest_train"], color=color))
            if "nearest_heldout" in found[strategy]:
                control = found[strategy]["nearest_heldout"]
                rows.append(GridRow("nearest held-out images", control, color=color))
    return lay_out(rows, title)


def lay_out(rows: Sequence[GridRow], title: str, headings: Sequence[str] = ()) -> Figure:
    """Draw rows of images under a title; with headings, as many groups of columns, all of one width."""
    height, width = rows[0].images.shape[1:3]
    scale = max(1, round(_TILE / max(height, width)))
    tall, wide = height * scale, width * scale
    count = min(len(row.images) for row in rows)
    columns = count if headings else min(count, max(4, _WIDTH // (wide + _GAP)), 16)
    labels = max(_text_width(row.label, 8.5, row.bold) for row in rows) + 3 * _PADDING
    lefts = [labels + c * (wide + _GAP) for c in range(columns)]
    if headings:
        lefts = [x + c * len(headings) // columns * _BLOCK_GAP for c, x in enumerate(lefts)]
    page_width = max(lefts[-1] + wide, _text_width(title, 10, True) + _PADDING) + _PADDING
    tops = _row_tops(rows, tall, first=_TITLE + (20 if headings else 0))
    page_height = tops[-1] + tall + _PADDING
    page = np.full((page_height, page_width, 3), 255, dtype=np.uint8)
    for row, top in zip(rows, tops, strict=True):
        for left, image in zip(lefts, row.images, strict=False):
            page[top : top + tall, left : left + wide] = _enlarged(image, scale)
    figure = Figure(figsize=(page_width / PNG_DPI, page_height / PNG_DPI))
    figure.figimage(page, origin="upper", resize=False)
    figure.text(_PADDING / page_width, 1 - 14 / page_height, title, va="top", fontsize=10, fontweight="bold")
    for group, heading in enumerate(headings):
        left = lefts[group * columns // len(headings)] / page_width
        figure.text(left, 1 - (tops[0] - 6) / page_height, heading, va="bottom", fontsize=8.5, color=GREY)
    for row, top in zip(rows, tops, strict=True):
        _label(figure, row, labels, top, tall)
    return figure


def _row_tops(rows: Sequence[GridRow], tall: int, first: int) -> list[int]:
    tops, top = [], first
    for position, row in enumerate(rows):
        if position:
            top += tall + (_BLOCK_GAP if row.bold else _GAP)
        tops.append(top)
    return tops


def _label(figure: Figure, row: GridRow, labels: int, top: int, tall: int) -> None:
    page_width, page_height = (size * PNG_DPI for size in figure.get_size_inches())
    middle = 1 - (top + tall / 2) / page_height
    figure.text(
        (labels - 1.4 * _PADDING) / page_width,
        middle,
        row.label,
        ha="right",
        va="center",
        fontsize=8.5,
        fontweight="bold" if row.bold else "normal",
        color="black" if row.bold else GREY,
    )
    if row.color:
        corner = ((labels - _PADDING) / page_width, 1 - (top + tall) / page_height)
        size = (6 / page_width, tall / page_height)
        figure.add_artist(
            Rectangle(corner, *size, transform=figure.transFigure, color=row.color, linewidth=0)
        )


def _enlarged(image: GridImages, scale: int) -> GridImages:
    colour = np.broadcast_to(image, (*image.shape[:2], 3)) if image.shape[2] == 1 else image
    return colour.repeat(scale, axis=0).repeat(scale, axis=1)


def _text_width(text: str, size: float, bold: bool) -> int:
    """Return a text's width in pixels of the page."""
    font = FontProperties(family=RC["font.family"], weight="bold" if bold else "normal")
    path = TextPath((0, 0), text, size=size, prop=font)
    return int(path.get_extents().width * PNG_DPI / 72) + 1
