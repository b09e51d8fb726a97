"""Draw what happened during training: strength, and the prior's rate on training and held-out images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.style import (
    GREY,
    LINES,
    StrategyStyle,
    drawn_budgets,
    legend_below,
    rows_phrase,
    strategy_styles,
)
from benchmark.report.reading.loading import SuiteRecords, TrialRecord
from benchmark.report.words.formatting import decimals_for, number_text, shortened

_COLUMNS = 5
MOST_LINES = 6  # seeds drawn in one panel; more cannot be told apart


def strength_figure(comparison: SuiteComparison, dataset: str) -> Figure | None:
    """Draw strength against the share of the stage's steps, one panel per strategy; None without curves.

    A strategy whose curve is the same in every trial gets one line, any other one line per budget and seed.
    """
    suite = comparison.suite
    if not _any_curve(suite, dataset, "curve_strength"):
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
        legend_below(figure, handles, f"where curves differ between trials: {_lines_phrase(suite, dataset)}")
    return figure


def learning_figure(comparison: SuiteComparison, dataset: str) -> Figure | None:
    """Draw the prior's rate over training, budgets down and strategies across; None without curves.

    Every panel carries the codes' perplexity and the reconstruction error, without which a rate says nothing.
    """
    suite = comparison.suite
    if not _any_curve(suite, dataset, "curve_rate_heldout_bpd"):
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
        _heading(heading, name, 27)
        foot.set_xlabel("step")
    lines = _lines_phrase(suite, dataset) + rows_phrase(suite.budgets(dataset))
    legend_below(figure, _rate_legend(suite), f"the prior's rate (top + bottom), {lines}")
    return figure


def _lines_phrase(suite: SuiteRecords, dataset: str) -> str:
    cells = {(t.budget, t.strategy) for t in suite.records if t.dataset == dataset}
    most = max(len(suite.done(dataset, budget, name)) for budget, name in cells)
    return (
        "one line per seed" if most <= MOST_LINES else f"one line per seed, the first {MOST_LINES} of {most}"
    )


def _draw_strength(axis: Axes, suite: SuiteRecords, dataset: str, name: str, style: StrategyStyle) -> bool:
    """Draw one strategy's panel; say whether its curves differ between trials."""
    curves: dict[tuple[tuple[float, ...], tuple[float, ...]], int] = {}  # curve -> place of its budget
    for place, budget in enumerate(suite.budgets(dataset)):
        for record in list(suite.done(dataset, budget, name).values())[:MOST_LINES]:
            steps, strength = _curve(record, "curve_strength")
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
    _heading(axis, name, 5)
    return len(curves) > 1


def _draw_rates(axis: Axes, records: Sequence[TrialRecord], style: StrategyStyle) -> None:
    drawn = False
    for record in records:
        for key, line in (("curve_rate_train_bpd", LINES[1]), ("curve_rate_heldout_bpd", "-")):
            steps, rates = _curve(record, key)
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
            steps, values = _curve(record, key)
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
    steps, rates = _curve(record, "curve_rate_heldout_bpd")
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


def _heading(axis: Axes, name: str, points_above: float) -> None:
    axis.annotate(
        shortened(name),
        (0.5, 1),
        (0, points_above),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        fontweight="bold",
        fontsize=9 if len(name) <= 18 else 8,
    )


def _curve(record: TrialRecord, key: str) -> tuple[list[float], list[float]]:
    """Return steps and values of a curve without its nulls; empty lists where the record has none."""
    steps, values = record.get("curve_step") or [], record.get(key) or []
    pairs = [(s, v) for s, v in zip(steps, values, strict=False) if v is not None and math.isfinite(v)]
    return [s for s, _ in pairs], [v for _, v in pairs]


def _any_curve(suite: SuiteRecords, dataset: str, key: str) -> bool:
    return any(_curve(r, key)[0] for trial, r in suite.records.items() if trial.dataset == dataset)
