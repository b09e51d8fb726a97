"""Prepare the table that sorts and filters: one row per dataset, budget and strategy, one score at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.comparing.leaders import supported_best
from benchmark.report.comparing.means import MeanOverSeeds
from benchmark.report.comparing.reference import marginals
from benchmark.report.comparing.significance import Contrast, contrasts
from benchmark.report.reading.scores import MARGINALS_NAME, judged_keys, way_phrase
from benchmark.report.words.formatting import (
    decimals_for,
    decimals_of_differences,
    interval,
    mean_and_half_width,
    p_text,
)

_MOST_CELLS = 20_000  # rows times scores that a page carries; beyond, only what strategies are tested in

Entry = tuple[str, float | None]  # what is shown, what it is sorted by
_NOTHING: Entry = ("–", None)


@dataclass(frozen=True)
class MainTable:
    """Hold the rows' names and, per score, the entries of every row and how to read them."""

    rows: list[tuple[str, int, str]]
    scores: dict[str, dict[str, object]]
    first: str
    datasets: list[str]
    budgets: list[int]
    strategies: list[str]
    left_out: int  # scores that only table.csv has


def main_table(comparison: SuiteComparison) -> MainTable:
    """Return every score's table, the headline's first."""
    suite = comparison.suite
    keys = [key for key in comparison.metrics if any(cell.score(key).n for cell in comparison.cells)]
    shown = keys
    if len(keys) * len(comparison.cells) > _MOST_CELLS:
        shown = judged_keys(keys)
    ordered = sorted(shown, key=lambda key: (key != comparison.headline.key, keys.index(key)))
    rows = [(*place, name) for place in _places(comparison) for name in _names(comparison, *place)]
    known = [MARGINALS_NAME] if any(name == MARGINALS_NAME for *_, name in rows) else []
    return MainTable(
        rows=rows,
        scores={key: _score_table(comparison, key) for key in ordered},
        first=ordered[0] if ordered else "",
        datasets=suite.datasets,
        budgets=sorted({trial.budget for trial in suite.trials}),
        strategies=suite.strategies + known,
        left_out=len(keys) - len(shown),
    )


def _places(comparison: SuiteComparison) -> list[tuple[str, int]]:
    return [(name, budget) for name in comparison.suite.datasets for budget in comparison.suite.budgets(name)]


def _names(comparison: SuiteComparison, dataset: str, budget: int) -> list[str]:
    """Return the rows of a budget: its strategies, and independent pixels where they are known."""
    known = [MARGINALS_NAME] if marginals(comparison, dataset, budget).n else []
    return [cell.strategy for cell in comparison.at(dataset, budget)] + known


def _score_table(comparison: SuiteComparison, key: str) -> dict[str, object]:
    known = comparison.suite.score(key)
    tested = contrasts(comparison, key) if judged_keys([key]) else []
    found = {(c.cell.dataset, c.cell.budget, c.cell.strategy): c for c in tested}
    rows: list[list[Entry]] = []
    best: list[bool] = []
    for dataset, budget in _places(comparison):
        cells = comparison.at(dataset, budget)
        means = decimals_for((cell.score(key) for cell in cells), key)
        pairs = decimals_of_differences(cell.difference(key) for cell in cells)
        leader = supported_best(comparison, cells, key)
        best += [cell is leader for cell in cells]
        for cell in cells:
            contrast = found.get((dataset, budget, cell.strategy))
            rows.append(_entries(cell, key, contrast, (means, pairs), comparison.suite.baseline))
        reference = marginals(comparison, dataset, budget)
        if reference.n:
            best.append(False)
            rows.append(_reference_entries(reference, means, is_shown=key == comparison.headline.key))
    record = "won/tied/lost" if known.better else "lower/equal/higher"
    way = way_phrase(known.better)
    return {"title": known.title, "way": way, "record": record, "rows": rows, "best": best}


def _reference_entries(found: MeanOverSeeds, decimals: int, *, is_shown: bool) -> list[Entry]:
    if not is_shown:
        return [_NOTHING] * 7
    shown: list[Entry] = [(mean_and_half_width(found, decimals), finite(found.mean)), (str(found.n), found.n)]
    return [*shown, *[_NOTHING] * 5]


def _entries(
    cell: Cell, key: str, found: Contrast | None, decimals: tuple[int, int], baseline: str | None
) -> list[Entry]:
    mean, paired = cell.score(key), cell.difference(key)
    entries: list[Entry] = [
        (mean_and_half_width(mean, decimals[0]), finite(mean.mean)),
        (str(mean.n), mean.n),
    ]
    if not paired.n:
        return [*entries, ("baseline" if cell.strategy == baseline else "–", None), *[_NOTHING] * 4]
    star = " ★" if found is not None and found.is_significant else ""
    entries += [(interval(paired, decimals[1]) + star, finite(paired.mean)), (str(paired.n), paired.n)]
    if found is None:
        return [*entries, *[_NOTHING] * 3]
    return [
        *entries,
        (found.record, found.first),
        (p_text(found.p), finite(found.p)),
        (p_text(found.p_holm), finite(found.p_holm)),
    ]


def finite(value: float) -> float | None:
    """Return what a column is sorted by: six digits, None for NaN."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
