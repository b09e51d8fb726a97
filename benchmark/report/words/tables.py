"""Lay a comparison out as a data frame and as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmark.report.comparing.comparison import Cell, Comparison
from benchmark.report.comparing.data_efficiency import equivalents
from benchmark.report.comparing.significance import contrasts
from benchmark.report.reading.loading import Record
from benchmark.report.reading.protocol import features_phrase, few_samples
from benchmark.report.reading.scores import HEADLINE, Score, judged_keys, plugin_keys, score, score_in
from benchmark.report.words.formatting import difference_texts, score_texts

Column = tuple[str, list[str]]  # heading, one text per row
_NAMES = ("dataset", "strategy")


def frame(comparison: Comparison) -> pd.DataFrame:
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
    return pd.DataFrame(rows)


def csv_text(comparison: Comparison) -> str:
    """Return the data frame as CSV, numbers to ten significant digits."""
    return frame(comparison).to_csv(index=False, float_format="%.10g", lineterminator="\n")


def likelihood_columns(cells: Sequence[Cell], baseline: str | None) -> list[Column]:
    """Return the columns of the likelihood table, the headline first."""
    perplexities = zip(
        score_texts(cells, "perplexity_top"), score_texts(cells, "perplexity_bottom"), strict=True
    )
    reference = f"paired difference to `{baseline}` [95 %]" if baseline else "paired difference (no baseline)"
    return [
        *_leading_columns(cells),
        ("bits/dim, held-out ↓", score_texts(cells, HEADLINE)),
        (reference, difference_texts(cells, HEADLINE, baseline)),
        ("gap train → held-out", score_texts(cells, "bpd_gap")),
        ("perplexity top / bottom", [f"{top} / {bottom}" for top, bottom in perplexities]),
        ("reconstruction MSE ↓", score_texts(cells, "reconstruction_mse")),
    ]


def sample_columns(cells: Sequence[Cell], record: Record) -> list[Column]:
    """Return the columns of the sample table; the nearest-training ratio always stands beside FID."""
    keys = ["kid", "fid", "nearest_training_ratio", "precision", "recall", "rfid"]
    if not few_samples(record):
        keys = ["fid", "nearest_training_ratio", "kid", "precision", "recall", "rfid"]
    scored = [(_sample_heading(key, record), score_texts(cells, key)) for key in keys]
    return [*_leading_columns(cells), *scored]


def plugin_columns(comparison: Comparison, dataset: str) -> list[Column]:
    """Return a table of the scores the house does not know, over all budgets; empty if there are none."""
    cells = comparison.at(dataset)
    keys = [k for k in plugin_keys(comparison.metrics) if any(cell.score(k).n for cell in cells)]
    if not keys:
        return []
    budgets = ("images", [str(cell.budget) for cell in cells])
    records = comparison.suite.records.values()
    scored = [(_plugin_heading(score_in(key, records)), score_texts(cells, key)) for key in keys]
    return [budgets, *_leading_columns(cells), *scored]


def markdown(columns: Sequence[Column], *, words: bool = False) -> list[str]:
    """Return the lines of a Markdown table: names stand left, numbers right unless all columns are words."""
    headings = [_escape(heading) for heading, _ in columns]
    left = [words or not place or heading in _NAMES for place, heading in enumerate(headings)]
    rows = zip(*(texts for _, texts in columns), strict=True)
    return [
        f"| {' | '.join(headings)} |",
        f"|{''.join(':--|' if is_left else '--:|' for is_left in left)}",
        *(f"| {' | '.join(_escape(text) for text in row)} |" for row in rows),
    ]


def _leading_columns(cells: Sequence[Cell]) -> list[Column]:
    return [("strategy", [f"`{c.strategy}`" for c in cells]), ("n", [str(c.done) for c in cells])]


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


def _tested_fields(comparison: Comparison) -> dict[tuple[str, int, str, str], dict[str, object]]:
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
    for worth in equivalents(comparison, HEADLINE):
        fields.setdefault((worth.dataset, worth.budget, worth.strategy, HEADLINE), {}).update(
            {
                f"{HEADLINE}_equal_to_images": worth.images,
                f"{HEADLINE}_equal_to_images_low": worth.low,
                f"{HEADLINE}_equal_to_images_high": worth.high,
            }
        )
    return fields


def _sample_heading(key: str, record: Record) -> str:
    known = score(key)
    protocol = f" ({features_phrase(record)})" if key in ("fid", "kid") else ""
    return f"{known.title}{protocol}{_arrow(known)}"


def _plugin_heading(known: Score) -> str:
    """Name a score by its key, and by its title where it has one."""
    named = "" if known.title == known.key else f"{known.title}, "
    return f"{named}`{known.key}`{_arrow(known)}"


def _arrow(known: Score) -> str:
    return {"lower": " ↓", "higher": " ↑"}.get(known.better, "")


def _escape(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
