"""Draw the prior's rate over training, on training and held-out images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.curves import MOST_LINES, any_curve, curve_of, lines_phrase, panel_heading
from benchmark.report.figures.style import (
    GREY,
    LINES,
    StrategyStyle,
    drawn_budgets,
    legend_below,
    rows_phrase,
    strategy_styles,
)
from benchmark.report.reading.scores import TrialRecord
from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.words.formatting import decimals_for, number_text


def learning_figure(comparison: SuiteComparison, dataset: str) -> Figure | None:
    """Draw the prior's rate over training, budgets down and strategies across; None without curves.

    Every panel carries the codes' perplexity and the reconstruction error, without which a rate says nothing.
    """
    suite = comparison.suite
    if not any_curve(suite, dataset, "curve_rate_heldout_bpd"):
        return None
    styles = strategy_styles(suite.strategies)
    budgets = drawn_budgets(suite.budgets(dataset))
    size = (max(2.15 * len(styles) + 0.7, 5.0), 1.95 * len(budgets) + 1.0)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.06))
    axes = figure.subplots(len(budgets), len(styles), squeeze=False)
    end = max((steps[-1] for r in suite.records.values() if (steps := r.get("curve_step"))), default=1)
    for row, budget in zip(axes, budgets, strict=True):
        row[0].set_ylabel(f"{budget} images\nbits/dim")
        for axis, (name, style) in zip(row, styles.items(), strict=True):
            records = list(suite.done(dataset, budget, name).values())[:MOST_LINES]
            _draw_rates(axis, records, style)
            axis.set_title(_codes_note(comparison, dataset, budget, name), fontsize=7.2, color=GREY, pad=4)
        _fit_rates(row, [r for name in styles for r in suite.done(dataset, budget, name).values()])
        _fit_steps(row, end, labelled=budget == budgets[-1])
    for heading, foot, name in zip(axes[0], axes[-1], styles, strict=True):
        panel_heading(heading, name, 27)
        foot.set_xlabel("step")
    lines = lines_phrase(suite, dataset) + rows_phrase(suite.budgets(dataset))
    legend_below(figure, _rate_legend(suite), f"the prior's rate (top + bottom), {lines}")
    return figure


def _draw_rates(axis: Axes, records: Sequence[TrialRecord], style: StrategyStyle) -> None:
    drawn = False
    for record in records:
        for key, line in (("curve_rate_train_bpd", LINES[1]), ("curve_rate_heldout_bpd", "-")):
            steps, rates = curve_of(record, key)
            drawn |= bool(steps)
            axis.plot(steps, rates, color=style.color, linestyle=line, linewidth=1.3, alpha=0.8)
        _mark_selected(axis, record, style)
    if not drawn:
        axis.text(0.5, 0.5, "no curve", transform=axis.transAxes, ha="center", color=GREY)


def _fit_rates(row: Iterable[Axes], records: Sequence[TrialRecord]) -> None:
    """Fit a row's height to what follows the first tenth of training, which would dwarf the rest."""
    rates = []
    for record in records:
        for key in ("curve_rate_train_bpd", "curve_rate_heldout_bpd"):
            steps, values = curve_of(record, key)
            rates += [rate for step, rate in zip(steps, values, strict=True) if step >= 0.1 * steps[-1]]
    if rates:
        margin = 0.06 * (max(rates) - min(rates)) or 0.05
        for axis in row:
            axis.set_ylim(min(rates) - margin, max(rates) + margin)


def _fit_steps(row: Sequence[Axes], end: int, *, labelled: bool) -> None:
    """Give a row's panels the same ticks; set, not shared, which would take time with the panels squared."""
    steps = [tick for tick in MaxNLocator(4, integer=True).tick_values(0, end) if tick <= end]
    low, high = row[0].get_ylim()
    rates = [tick for tick in row[0].get_yticks() if low <= tick <= high]
    for axis in row:
        axis.set_xlim(-0.04 * end, 1.04 * end)
        axis.set_xticks(steps, [f"{step:.0f}" if labelled else "" for step in steps])
    for axis in row[1:]:
        axis.set_yticks(rates, [""] * len(rates))


def _mark_selected(axis: Axes, record: TrialRecord, style: StrategyStyle) -> None:
    """Mark the step whose weights were kept, where it is not the last one."""
    steps, rates = curve_of(record, "curve_rate_heldout_bpd")
    selected = record.get("selected_step")
    if selected in steps[:-1]:
        rate = rates[steps.index(selected)]
        axis.plot([selected], [rate], "o", color="white", markeredgecolor=style.color, zorder=4)


def _rate_legend(suite: SuiteRecords) -> list[Line2D]:
    handles = [
        Line2D([], [], color=GREY, label="held-out images"),
        Line2D([], [], color=GREY, linestyle=LINES[1], label="training images"),
    ]
    early = [r for r in suite.records.values() if r.get("selected_step") in (r.get("curve_step") or [])[:-1]]
    if early:
        handles.append(
            Line2D(
                [], [], color="white", marker="o", markeredgecolor=GREY, label="weights kept before the end"
            )
        )
    return handles


def _codes_note(comparison: SuiteComparison, dataset: str, budget: int, strategy: str) -> str:
    cells = comparison.at(dataset, budget)
    found = [cell for cell in cells if cell.strategy == strategy]
    if not found or not found[0].done:
        return ""
    texts = {
        key: number_text(found[0].score(key).mean, decimals_for((cell.score(key) for cell in cells), key))
        for key in ("perplexity_top", "perplexity_bottom", "reconstruction_mse")
    }
    n = found[0].score("perplexity_top").n
    perplexity = f"perplexity {texts['perplexity_top']} / {texts['perplexity_bottom']}"
    return f"{perplexity}\nreconstruction MSE {texts['reconstruction_mse']}, n = {n}"
