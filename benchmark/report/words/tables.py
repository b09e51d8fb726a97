"""Choose the columns of the main tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.comparing.reference import marginals
from benchmark.report.reading.protocol import features_phrase, few_samples
from benchmark.report.reading.score_titles import NamedScore
from benchmark.report.reading.scores import (
    MARGINALS_NAME,
    TrialRecord,
    arrow,
    plugin_keys,
    score,
)
from benchmark.report.words.formatting import (
    NOTHING,
    decimals_for,
    difference_texts,
    mean_and_half_width,
    score_texts,
)
from benchmark.report.words.markdown import Column

SAMPLE_SCORES = ("kid", "fid", "nearest_training_ratio", "precision", "recall", "rfid")


def headline_columns(comparison: SuiteComparison, cells: Sequence[Cell]) -> list[Column]:
    """Return the table of the headline and what it is read with; a score that no record has is left out.

    Where the records know what independent pixels score, that is the last row.
    """
    baseline, headline = comparison.suite.baseline, comparison.headline
    paired = f"paired difference to `{baseline}` [95 %]" if baseline else "paired difference (no baseline)"
    known = comparison.suite.score(headline.key)
    columns = [
        *_leading_columns(cells),
        (f"{known.title}{arrow(known.better)}", score_texts(cells, headline.key)),
        (paired, difference_texts(cells, headline.key, baseline)),
    ]
    if headline.gap in comparison.metrics:
        columns.append(("gap train → held-out", score_texts(cells, headline.gap)))
    if "perplexity_top" in comparison.metrics or "perplexity_bottom" in comparison.metrics:
        levels = (score_texts(cells, f"perplexity_{level}") for level in ("top", "bottom"))
        both = [f"{top} / {bottom}" for top, bottom in zip(*levels, strict=True)]
        columns.append(("perplexity top / bottom", both))
    if "reconstruction_mse" in comparison.metrics:
        columns.append(("reconstruction MSE ↓", score_texts(cells, "reconstruction_mse")))
    return _with_marginals(comparison, cells, columns)


def _with_marginals(
    comparison: SuiteComparison, cells: Sequence[Cell], columns: list[Column]
) -> list[Column]:
    """Add the row of independent pixels, where it is known: it has a name, a number of seeds and a score."""
    found = marginals(comparison, cells[0].dataset, cells[0].budget)
    if not found.n:
        return columns
    key = comparison.headline.key
    score = mean_and_half_width(found, decimals_for((cell.score(key) for cell in cells), key))
    row = [MARGINALS_NAME, str(found.n), score, *[NOTHING] * (len(columns) - 3)]
    return [(heading, [*texts, text]) for (heading, texts), text in zip(columns, row, strict=True)]


def sample_columns(comparison: SuiteComparison, cells: Sequence[Cell], record: TrialRecord) -> list[Column]:
    """Return the table of samples' scores, none where no record has any.

    The nearest-training ratio always stands beside FID.
    """
    keys = [key for key in SAMPLE_SCORES if key in comparison.metrics]
    if not few_samples(record):
        keys.sort(key=("fid", "nearest_training_ratio", *SAMPLE_SCORES).index)
    scored = [(_sample_heading(key, record), score_texts(cells, key)) for key in keys]
    return [*_leading_columns(cells), *scored] if scored else []


def plugin_columns(comparison: SuiteComparison, dataset: str) -> list[Column]:
    """Return a table of the scores the house does not know, over all budgets; empty if there are none."""
    cells = comparison.at(dataset)
    own = (comparison.headline.key, comparison.headline.gap)  # have a table of their own
    keys = [
        key
        for key in plugin_keys(comparison.metrics)
        if key not in own and any(cell.score(key).n for cell in cells)
    ]
    if not keys:
        return []
    budgets = ("images", [str(cell.budget) for cell in cells])
    named = [(comparison.suite.score(key), score_texts(cells, key)) for key in keys]
    return [budgets, *_leading_columns(cells), *((_plugin_heading(known), texts) for known, texts in named)]


def _plugin_heading(known: NamedScore) -> str:
    """Name a score by its key, and by its title where it has one."""
    named = "" if known.title == known.key else f"{known.title}, "
    return f"{named}`{known.key}`{arrow(known.better)}"


def _leading_columns(cells: Sequence[Cell]) -> list[Column]:
    return [("strategy", [f"`{c.strategy}`" for c in cells]), ("n", [str(c.done) for c in cells])]


def _sample_heading(key: str, record: TrialRecord) -> str:
    known = score(key)
    protocol = f" ({features_phrase(record)})" if key in ("fid", "kid") else ""
    return f"{known.title}{protocol}{arrow(known.better)}"
