"""Draw the scores against the budget: one panel per score, one line per strategy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.comparing.means import MeanOverSeeds
from benchmark.report.comparing.reference import marginals
from benchmark.report.figures.panels import Panel, panels_of
from benchmark.report.figures.style import (
    GREY,
    LINES,
    MOST_DOTS,
    StrategyStyle,
    legend_below,
    strategy_styles,
)
from benchmark.report.reading.scores import MARGINALS_NAME
from benchmark.report.words.formatting import shortened, spread

_COLUMNS = 3
_LABELS_FIT = 36  # characters under a panel; more would touch
_DODGE = 0.11  # distance between neighbouring strategies, in units of ln(budget)


@dataclass(frozen=True)
class Series:
    """Hold what one strategy contributes to one panel, at its dodged positions."""

    beside: float  # factor that sets single seeds beside their interval
    positions: list[float]
    estimates: list[MeanOverSeeds]
    seeds: list[list[float]]


def budget_figure(comparison: SuiteComparison, dataset: str) -> Figure:
    """Draw scores of a dataset against the number of training images, with intervals and single seeds."""
    suite = comparison.suite
    styles = strategy_styles(suite.strategies)
    panels = panels_of(comparison, dataset)
    rows = math.ceil(len(panels) / _COLUMNS)
    size = (3.5 * min(len(panels), _COLUMNS), 3.0 * rows + 0.8)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    axes = figure.subplots(rows, min(len(panels), _COLUMNS)).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        _draw(axis, comparison, dataset, panel, styles)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    cells = comparison.at(dataset)
    seeds = spread(cell.score(comparison.headline.key).n for cell in cells)
    bars = "bars: 95 % Student-t intervals" if any(c.done > 1 for c in cells) else "no intervals"
    if any(2 <= c.done <= MOST_DOTS for c in cells):
        bars += "; dots: single seeds"
    handles = [
        Line2D(
            [],
            [],
            color=style.color,
            marker=style.marker,
            markersize=7,
            markeredgewidth=0.6,
            label=shortened(name, 40),
        )
        for name, style in styles.items()
    ]
    if any(_marginals(comparison, dataset).values()):
        handles.append(Line2D([], [], color=GREY, linewidth=1.0, linestyle=LINES[1], label=MARGINALS_NAME))
    legend_below(figure, handles, f"means over seeds, n = {seeds}; {bars}")
    return figure


def _marginals(comparison: SuiteComparison, dataset: str) -> dict[int, float]:
    """Return budget -> what independent pixels score, where it is known."""
    found = {budget: marginals(comparison, dataset, budget) for budget in comparison.suite.budgets(dataset)}
    return {budget: score.mean for budget, score in found.items() if score.n}


def _draw(
    axis: Axes, comparison: SuiteComparison, dataset: str, panel: Panel, styles: dict[str, StrategyStyle]
) -> None:
    drawn = []
    for place, (strategy, style) in enumerate(styles.items()):
        series = _series(comparison, dataset, strategy, panel, place - (len(styles) - 1) / 2)
        if series.positions:
            _draw_series(axis, series, style)
            drawn.append(series)
    if panel.key == comparison.headline.key and not panel.paired:
        _draw_marginals(axis, _marginals(comparison, dataset))
    if panel.line_at is not None:
        axis.axhline(panel.line_at, color=GREY, linewidth=1.0, zorder=1.5)
    axis.set_title(panel.title, loc="left", fontweight="bold", pad=19)
    axis.annotate(
        panel.note,
        (0, 1),
        (0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8,
        color=GREY,
    )
    _budget_axis(axis, comparison.suite.budgets(dataset), len(styles))
    if drawn:
        _limit(axis, drawn, panel.line_at)
    else:
        unit = comparison.suite.score(panel.key).title
        axis.text(0.5, 0.5, f"no {unit} in the records", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_yticks([])


def _draw_marginals(axis: Axes, scores: dict[int, float]) -> None:
    """Draw what independent pixels score as a thin line."""
    look = {"color": GREY, "linewidth": 1.0, "linestyle": LINES[1], "marker": "_"}
    if scores:
        axis.plot(list(scores), list(scores.values()), zorder=1.5, **look)


def _series(comparison: SuiteComparison, dataset: str, strategy: str, panel: Panel, place: float) -> Series:
    suite = comparison.suite
    step = _dodge(suite.budgets(dataset), len(suite.strategies))
    series = Series(math.exp(0.42 * step), [], [], [])
    for cell in comparison.at(dataset):
        found = cell.difference(panel.key) if panel.paired else cell.score(panel.key)
        if cell.strategy != strategy or not found.n:
            continue
        ours = comparison.numbers(dataset, cell.budget, strategy, panel.key)
        if panel.paired and suite.baseline is not None:
            theirs = comparison.numbers(dataset, cell.budget, suite.baseline, panel.key)
            ours = {seed: ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()}
        series.positions.append(cell.budget * math.exp(place * step))
        series.estimates.append(found)
        series.seeds.append(sorted(ours.values()))
    return series


def _draw_series(axis: Axes, series: Series, style: StrategyStyle) -> None:
    means = [found.mean for found in series.estimates]
    axis.plot(series.positions, means, color=style.color, linewidth=1.2, alpha=0.55, zorder=2)
    axis.plot(
        series.positions,
        means,
        style.marker,
        color=style.color,
        markersize=7,
        markeredgewidth=0.6,
        markeredgecolor="white",
        zorder=4,
    )
    for position, found, seeds in zip(series.positions, series.estimates, series.seeds, strict=True):
        if found.has_interval:
            axis.vlines(position, found.low, found.high, color=style.color, linewidth=1.6, zorder=3)
        if 2 <= len(seeds) <= MOST_DOTS:
            beside = [position * series.beside] * len(seeds)
            axis.plot(beside, seeds, ".", color=style.color, alpha=0.6, markersize=4.5, zorder=2.5)


def _budget_axis(axis: Axes, budgets: list[int], strategies: int) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(budgets))
    axis.xaxis.set_minor_locator(NullLocator())
    labels = [str(budget) for budget in budgets]
    crowded = len("  ".join(labels)) > _LABELS_FIT
    axis.set_xticks(budgets, labels, rotation=35 if crowded else 0, ha="right" if crowded else "center")
    margin = math.exp(_dodge(budgets, strategies) * (strategies / 2 + 0.6) + 0.06)
    axis.set_xlim(budgets[0] / margin, budgets[-1] * margin)
    axis.grid(False, axis="x")
    axis.set_xlabel("training images" + (" (log scale)" if len(budgets) > 1 else ""))


def _dodge(budgets: list[int], strategies: int) -> float:
    """Return the distance between strategies so that neighbouring budgets stay apart."""
    closest = min((math.log(b / a) for a, b in pairwise(budgets) if a > 0), default=math.inf)
    return min(_DODGE, 0.5 * closest / strategies)


def _limit(axis: Axes, drawn: list[Series], line_at: float | None) -> None:
    """Fit the axis to the intervals, unless they would squeeze the seeds into a quarter of the height."""
    points = [v for series in drawn for seeds in series.seeds for v in seeds]
    points += [found.mean for series in drawn for found in series.estimates]
    bounds = [v for s in drawn for e in s.estimates if e.has_interval for v in (e.low, e.high)]
    if line_at is not None:
        points.append(line_at)
    height = max(points) - min(points) or abs(points[0]) * 0.1 or 1.0
    low = max(min([*points, *bounds]), min(points) - 0.6 * height)
    high = min(max([*points, *bounds]), max(points) + 0.6 * height)
    margin = 0.05 * (high - low) or 0.5 * height
    axis.set_ylim(low - margin, high + margin)
