"""Draw how much of the augmentation each strategy leaves in its samples: bars per operation."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.comparing.means import by_seed, estimate
from benchmark.report.figures.style import (
    GREY,
    MOST_DOTS,
    StrategyStyle,
    drawn_budgets,
    legend_below,
    rows_phrase,
    strategy_styles,
)
from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.words.formatting import shortened, spread

_OPAQUE = 0.8
_LOWEST, _HIGHEST = -0.3, 1.4  # intervals of two seeds reach far beyond anything to be seen
_NOT_OPERATIONS = ("crosstalk",)
_NOT_VALUES = ("_low", "_high", "_null_reason")


def leaking_operations(suite: SuiteRecords, dataset: str) -> list[str]:
    """Name the operations that some record of a dataset has a leakage of, in the records' order."""
    found: dict[str, None] = {}
    for trial, record in suite.records.items():
        if trial.dataset != dataset:
            continue
        for key, value in record.items():
            name = key.removeprefix("leak_")
            if key == name or name in _NOT_OPERATIONS or key.endswith(_NOT_VALUES):
                continue
            if isinstance(value, int | float):
                found[name] = None
    return list(found)


def leakage_figure(comparison: SuiteComparison, dataset: str) -> Figure | None:
    """Draw one panel per operation and row of budget, one bar per strategy; None without any leakage."""
    suite = comparison.suite
    operations = leaking_operations(suite, dataset)
    if not operations:
        return None
    styles = strategy_styles(suite.strategies)
    budgets = drawn_budgets(suite.budgets(dataset))
    size = (max(2.0 * len(operations) + 0.8, 5.0), 1.9 * len(budgets) + 1.1)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(budgets), len(operations), sharey=True, squeeze=False)
    counts = []
    for row, budget in zip(axes, budgets, strict=True):
        row[0].set_ylabel(f"{budget} images\nleakage")
        for axis, operation in zip(row, operations, strict=True):
            counts += _draw(axis, suite, (dataset, budget, f"leak_{operation}"), styles)
    low, high = axes[0, 0].get_ylim()  # shared by all panels
    axes[0, 0].set_ylim(max(low, _LOWEST), min(high, _HIGHEST))
    for axis, operation in zip(axes[0], operations, strict=True):
        axis.set_title(operation, fontweight="bold", fontsize=9)
    handles = [
        Patch(facecolor=style.color, hatch=hatch, alpha=_OPAQUE, label=shortened(name, 40))
        for (name, style), hatch in zip(styles.items(), _hatches(styles), strict=True)
    ]
    rows = rows_phrase(suite.budgets(dataset))
    about = f"0: as in clean images, 1: as in fully augmented ones; n = {spread(counts)} seeds{rows}"
    legend_below(figure, handles, about)
    return figure


def _hatches(styles: dict[str, StrategyStyle]) -> list[str]:
    """Return a pattern per strategy: none the first time a colour is used, then one that tells it apart."""
    colors = [style.color for style in styles.values()]
    return ["/" * 3 * colors[:place].count(color) for place, color in enumerate(colors)]


def _draw(
    axis: Axes, suite: SuiteRecords, cell: tuple[str, int, str], styles: dict[str, StrategyStyle]
) -> list[int]:
    """Draw one panel's bars; return how many seeds each rests on."""
    dataset, budget, key = cell
    counts = []
    for place, ((name, style), hatch) in enumerate(zip(styles.items(), _hatches(styles), strict=True)):
        values = sorted(by_seed(suite.done(dataset, budget, name), key).values())
        if not values:
            axis.annotate("–", (place, 0), ha="center", va="bottom", color=GREY)
            continue
        found = estimate(values)
        counts.append(found.n)
        axis.bar(
            place,
            found.mean,
            width=0.8,
            color=style.color,
            alpha=_OPAQUE,
            hatch=hatch,
            edgecolor="white",
            zorder=2,
        )
        if len(values) <= MOST_DOTS:
            axis.plot([place] * len(values), values, ".", color="black", markersize=3, alpha=0.7, zorder=4)
        if found.has_interval:
            axis.vlines(place, found.low, found.high, color="black", linewidth=1.0, zorder=3)
    for height in (0.0, 1.0):
        axis.axhline(height, color=GREY, linewidth=0.9, zorder=1.5)
    axis.set_xticks([])
    axis.set_xlim(-0.6, len(styles) - 0.4)
    axis.grid(False, axis="x")
    return counts
