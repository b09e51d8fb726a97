"""What figures of training have in common: curves of a record, a panel's heading, whose line is drawn."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from benchmark.report.reading.scores import TrialRecord
from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.words.formatting import shortened

MOST_LINES = 6  # seeds drawn in one panel; more cannot be told apart


def lines_phrase(suite: SuiteRecords, dataset: str) -> str:
    """Say whose lines a panel shows."""
    cells = {(t.budget, t.strategy) for t in suite.records if t.dataset == dataset}
    most = max(len(suite.done(dataset, budget, name)) for budget, name in cells)
    return (
        "one line per seed" if most <= MOST_LINES else f"one line per seed, the first {MOST_LINES} of {most}"
    )


def panel_heading(axis: Axes, name: str, points_above: float) -> None:
    """Write a strategy's name over its panel."""
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


def curve_of(record: TrialRecord, key: str) -> tuple[list[float], list[float]]:
    """Return steps and values of a curve without its nulls; empty lists where the record has none."""
    steps, values = record.get("curve_step") or [], record.get(key) or []
    pairs = [(s, v) for s, v in zip(steps, values, strict=False) if v is not None and math.isfinite(v)]
    return [s for s, _ in pairs], [v for _, v in pairs]


def any_curve(suite: SuiteRecords, dataset: str, key: str) -> bool:
    """Say whether some record of a dataset has a curve."""
    return any(curve_of(r, key)[0] for trial, r in suite.records.items() if trial.dataset == dataset)
