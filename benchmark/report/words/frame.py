"""Lay a comparison out as a data frame: every score of every strategy, as table.csv has it."""

from __future__ import annotations

import pandas as pd

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.comparing.data_efficiency import equivalents
from benchmark.report.comparing.reference import marginals
from benchmark.report.comparing.significance import contrasts
from benchmark.report.reading.scores import MARGINALS_NAME, judged_keys


def frame(comparison: SuiteComparison) -> pd.DataFrame:
    """Return one row per (dataset, budget, strategy), every score's estimate and paired difference beside it.

    A score `s` fills s_mean, s_low, s_high, s_n and s_diff_mean, s_diff_low, s_diff_high, s_n_pairs,
    s_n_unpaired; what does not exist (an interval of one seed, the baseline's difference) is NaN. The
    scores strategies are tested in have s_diff_boot_low, s_diff_boot_high (bootstrap), s_p, s_p_holm and
    the numbers of pairs s_pairs_lower, s_pairs_equal, s_pairs_higher; the headline has s_equal_to_images,
    with its interval.
    """
    tested = _tested_fields(comparison)
    rows = []
    for cell in comparison.cells:
        row: dict[str, object] = {"dataset": cell.dataset, "budget": cell.budget, "strategy": cell.strategy}
        row |= {"trials": cell.planned, "done": cell.done}
        for key in comparison.metrics:
            row |= _score_fields(cell, key) | tested.get((cell.dataset, cell.budget, cell.strategy, key), {})
        rows.append(row)
        if cell is comparison.at(cell.dataset, cell.budget)[-1]:
            rows += _marginal_rows(comparison, cell.dataset, cell.budget)
    return pd.DataFrame(rows)


def _marginal_rows(comparison: SuiteComparison, dataset: str, budget: int) -> list[dict[str, object]]:
    """Return the row of independent pixels, where it is known: a score without trials of its own."""
    found = marginals(comparison, dataset, budget)
    if not found.n:
        return []
    row: dict[str, object] = {"dataset": dataset, "budget": budget, "strategy": MARGINALS_NAME}
    key = comparison.headline.key
    row |= {"trials": 0, "done": 0, f"{key}_n": found.n}
    return [row | {f"{key}_mean": found.mean, f"{key}_low": found.low, f"{key}_high": found.high}]


def table_csv(comparison: SuiteComparison) -> str:
    """Return the data frame as CSV, numbers to ten significant digits."""
    return frame(comparison).to_csv(index=False, float_format="%.10g", lineterminator="\n")


def _score_fields(cell: Cell, key: str) -> dict[str, object]:
    found, paired = cell.score(key), cell.difference(key)
    return {
        f"{key}_mean": found.mean,
        f"{key}_low": found.low,
        f"{key}_high": found.high,
        f"{key}_n": found.n,
        f"{key}_diff_mean": paired.mean,
        f"{key}_diff_low": paired.low,
        f"{key}_diff_high": paired.high,
        f"{key}_n_pairs": paired.n,
        f"{key}_n_unpaired": paired.left_out,
    }


def _tested_fields(comparison: SuiteComparison) -> dict[tuple[str, int, str, str], dict[str, object]]:
    """Return what tests add to a cell's score, by dataset, budget, strategy and score."""
    fields: dict[tuple[str, int, str, str], dict[str, object]] = {}
    for key in judged_keys(comparison.metrics):
        for found in contrasts(comparison, key):
            cell = found.cell
            fields[cell.dataset, cell.budget, cell.strategy, key] = {
                f"{key}_diff_boot_low": found.bootstrap[0],
                f"{key}_diff_boot_high": found.bootstrap[1],
                f"{key}_p": found.p,
                f"{key}_p_holm": found.p_holm,
                f"{key}_pairs_lower": found.lower,
                f"{key}_pairs_equal": found.equal,
                f"{key}_pairs_higher": found.higher,
            }
    key = comparison.headline.key
    for worth in equivalents(comparison, key):
        fields.setdefault((worth.dataset, worth.budget, worth.strategy, key), {}).update(
            {
                f"{key}_equal_to_images": worth.images,
                f"{key}_equal_to_images_low": worth.low,
                f"{key}_equal_to_images_high": worth.high,
            }
        )
    return fields
