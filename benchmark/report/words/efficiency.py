"""Say what a strategy is worth in images, in sentences a paper can print and in a table."""

from __future__ import annotations

import math

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.data_efficiency import (
    Equivalent,
    GapClosed,
    equivalents,
    flat_stretches,
    gaps_closed,
)
from benchmark.report.words.markdown import Column, markdown
from benchmark.report.words.phrases import images_phrase


@remembered
def efficiency_lines(comparison: SuiteComparison) -> list[str]:
    """Return the Markdown lines of the section; a sentence on why, where one budget allows none."""
    key = comparison.headline.key
    found = equivalents(comparison, key)
    if not found:
        return ["No equivalent sample size: it takes two budgets or more with the baseline's score at both."]
    return [
        *efficiency_notes(comparison, key),
        "",
        *markdown(efficiency_columns(comparison, found, gaps_closed(comparison, key))),
    ]


def efficiency_notes(comparison: SuiteComparison, key: str) -> list[str]:
    """Say how to read the columns and where nothing is said."""
    baseline, title = comparison.suite.baseline, comparison.suite.score(key).title
    flat = [
        f"`{baseline}` is no better at {far} than at {near} images of {dataset}: equivalents between the two "
        "rest on a flat curve."
        for dataset, near, far in flat_stretches(comparison, key)
    ]
    return [
        f"Equal to: the fewest images at which `{baseline}` has the same mean {title}, on a "
        "straight line in log(images) between the budgets measured. [ ]: 95 % set of images at which a "
        "paired t-test cannot tell the two apart. ≥ and ≤ mark the largest and the smallest budget: "
        f"nothing is said beyond them. Gap closed: share of the way from `{baseline}` at these images to "
        f"`{baseline}` at the largest budget (more than 100 % is past "
        f"it).{''.join(f' {sentence}' for sentence in flat)}"
    ]


def efficiency_columns(
    comparison: SuiteComparison, found: list[Equivalent], gaps: list[GapClosed]
) -> list[Column]:
    """Return one row per strategy and budget."""
    several = len(comparison.suite.datasets) > 1
    closed = {(gap.dataset, gap.budget, gap.strategy): gap for gap in gaps}
    lead: list[Column] = [("dataset", [e.dataset for e in found])] if several else []
    baseline = comparison.suite.baseline
    return [
        *lead,
        ("images", [str(e.budget) for e in found]),
        ("strategy", [f"`{e.strategy}`" for e in found]),
        (f"equal to `{baseline}` at", [images_phrase(e) for e in found]),
        ("pairs", [str(e.n) for e in found]),
        ("gap closed", [gap_phrase(closed.get((e.dataset, e.budget, e.strategy))) for e in found]),
    ]


def gap_phrase(found: GapClosed | None) -> str:
    """Format the share of a gap with its interval, or say why there is none."""
    if found is None:
        return "–"
    if math.isnan(found.share):
        return f"– ({found.reason})"
    share = _percent(found.share)
    if math.isnan(found.low):
        return f"{share} (no interval: {found.reason})"
    return f"{share} [{_percent(found.low)}, {_percent(found.high)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %".replace("-", "−")
