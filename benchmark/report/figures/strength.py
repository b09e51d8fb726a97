"""Draw augmentation strength over training, as the trials recorded it."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.curves import MOST_LINES, any_curve, curve_of, lines_phrase, panel_heading
from benchmark.report.figures.style import GREY, LINES, StrategyStyle, legend_below, strategy_styles
from benchmark.report.reading.suite_records import SuiteRecords

_COLUMNS = 5


def strength_figure(comparison: SuiteComparison, dataset: str) -> Figure | None:
    """Draw strength against the share of the stage's steps, one panel per strategy; None without curves.

    A strategy whose curve is the same in every trial gets one line, any other one line per budget and seed.
    """
    suite = comparison.suite
    if not any_curve(suite, dataset, "curve_strength"):
        return None
    names = suite.strategies
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(max(2.1 * columns, 4.6) + 0.5, 2.0 * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    varying = False
    for axis, (name, style) in zip(axes, strategy_styles(names).items(), strict=False):
        varying |= _draw_strength(axis, suite, dataset, name, style)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for axis in axes[max(0, len(names) - columns) : len(names)]:  # the lowest panel of each column
        axis.set_xlabel("share of steps")
        axis.tick_params(labelbottom=True)
    for axis in axes[::columns]:
        axis.set_ylabel("strength")
    axes[0].set(ylim=(-0.04, 1.04), xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "½", "1"])
    budgets = suite.budgets(dataset)
    if varying and len(budgets) > 1:
        handles = [
            Line2D([], [], color=GREY, linestyle=LINES[i % len(LINES)], label=f"{budget} images")
            for i, budget in enumerate(budgets)
        ]
        legend_below(figure, handles, f"where curves differ between trials: {lines_phrase(suite, dataset)}")
    return figure


def _draw_strength(axis: Axes, suite: SuiteRecords, dataset: str, name: str, style: StrategyStyle) -> bool:
    """Draw one strategy's panel; say whether its curves differ between trials."""
    curves: dict[tuple[tuple[float, ...], tuple[float, ...]], int] = {}  # curve -> place of its budget
    for place, budget in enumerate(suite.budgets(dataset)):
        for record in list(suite.done(dataset, budget, name).values())[:MOST_LINES]:
            steps, strength = curve_of(record, "curve_strength")
            if not steps:
                continue
            total = record.get("prior_steps") or steps[-1] or 1
            curve = (0.0, *(step / total for step in steps)), (strength[0], *strength)
            curves.setdefault(curve, place)
    for (shares, strengths), place in curves.items():
        line = LINES[place % len(LINES)] if len(curves) > 1 else "-"
        width = 1.2 if len(curves) > 1 else 2.0
        (drawn,) = axis.plot(shares, strengths, color=style.color, linestyle=line, linewidth=width)
        drawn.set(drawstyle="steps-pre", clip_on=False)
    if not curves:
        axis.text(0.5, 0.5, "no curve", ha="center", color=GREY)
    panel_heading(axis, name, 5)
    return len(curves) > 1
