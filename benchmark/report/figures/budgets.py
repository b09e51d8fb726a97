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

from benchmark.report.comparing.comparison import MeanOverSeeds, SuiteComparison
from benchmark.report.figures.style import (
    GREY,
    MOST_DOTS,
    StrategyStyle,
    legend_below,
    strategy_styles,
)
from benchmark.report.reading.protocol import features_phrase, protocol_record
from benchmark.report.reading.scores import HEADLINE, score
from benchmark.report.words.formatting import shortened, spread

_LABELS_FIT = 36  # characters under a panel; more would touch
_DODGE = 0.11  # distance between neighbouring strategies, in units of ln(budget)


@dataclass(frozen=True)
class Panel:
    """Say what one panel shows: a score, or its paired difference to the baseline."""

    key: str
    title: str
    note: str
    paired: bool = False
    line_at: float | None = None


@dataclass(frozen=True)
class Series:
    """Hold what one strategy contributes to one panel, at its dodged positions."""

    beside: float  # factor that sets single seeds beside their interval
    positions: list[float]
    estimates: list[MeanOverSeeds]
    seeds: list[list[float]]


def budget_figure(comparison: SuiteComparison, dataset: str) -> Figure:
    """Draw six scores of a dataset against the number of training images, with intervals and single seeds."""
    suite = comparison.suite
    styles = strategy_styles(suite.strategies)
    figure = Figure(figsize=(10.5, 6.8), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    axes = figure.subplots(2, 3).ravel()
    for axis, panel in zip(axes, _panels(comparison, dataset), strict=True):
        _draw(axis, comparison, dataset, panel, styles)
    cells = comparison.at(dataset)
    seeds = spread(cell.score(HEADLINE).n for cell in cells)
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
    legend_below(figure, handles, f"means over seeds, n = {seeds}; {bars}")
    return figure


def _panels(comparison: SuiteComparison, dataset: str) -> list[Panel]:
    protocol = features_phrase(protocol_record(comparison.suite, dataset))
    baseline = comparison.suite.baseline
    paired = [cell.difference(HEADLINE).n for cell in comparison.at(dataset) if cell.strategy != baseline]
    pairs = f"pairs: n = {spread(paired)}; lower is better"
    difference = f"Paired difference to {shortened(baseline, 18)}" if baseline else "Paired difference"
    return [
        Panel(HEADLINE, "Held-out bits/dim", "lower is better"),
        Panel(HEADLINE, difference, f"bits/dim; {pairs}", paired=True, line_at=0.0),
        Panel("kid", "KID", f"{protocol}; lower is better"),
        Panel("fid", "FID, rewards memorising", f"{protocol}; lower is better"),
        Panel("recall", "Recall", "higher is better"),
        Panel(
            "nearest_training_ratio",
            "Nearest-training ratio",
            "below 1: nearer than held-out images",
            line_at=1.0,
        ),
    ]


def _draw(
    axis: Axes, comparison: SuiteComparison, dataset: str, panel: Panel, styles: dict[str, StrategyStyle]
) -> None:
    drawn = []
    for place, (strategy, style) in enumerate(styles.items()):
        series = _series(comparison, dataset, strategy, panel, place - (len(styles) - 1) / 2)
        if series.positions:
            _draw_series(axis, series, style)
            drawn.append(series)
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
        unit = score(panel.key).title
        axis.text(0.5, 0.5, f"no {unit} in the records", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_yticks([])


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
