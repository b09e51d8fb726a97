"""Lay out paired comparisons, ranks and where the seeds' scatter comes from, with what they cannot say."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.seed_scatter import Scatter, seed_scatter
from benchmark.report.comparing.significance import (
    Contrast,
    contrasts,
    mean_ranks,
)
from benchmark.report.comparing.variance_split import has_repeats
from benchmark.report.words.formatting import decimals_of_differences, interval, number_text, p_text
from benchmark.report.words.markdown import Column, markdown
from benchmark.report.words.phrases import stars_phrase


@remembered
def paired_lines(comparison: SuiteComparison) -> list[str]:
    """Return the Markdown lines of the section on paired comparisons in the headline."""
    found = contrasts(comparison, comparison.headline.key)
    if not found:
        nothing = (
            f"No strategy shares a seed with the baseline `{comparison.suite.baseline}`: nothing to pair."
        )
        return [nothing]
    lines = [*paired_notes(comparison, found), "", *markdown(contrast_columns(comparison, found)), ""]
    ranks = rank_columns(comparison)
    if ranks:
        lines += [*markdown(ranks), ""]
    return lines + scatter_lines(comparison)


def paired_notes(comparison: SuiteComparison, found: Sequence[Contrast]) -> list[str]:
    """Say what the columns are and what so few pairs can and cannot show."""
    title = comparison.suite.score(found[0].key).title
    return [
        f"Difference to the baseline in {title}, pair by pair (same images, initial "
        "weights and sampling noise). [ ]: 95 % Student-t interval. W/T/L: pairs won, tied, lost. p: exact "
        f"two-sided sign-flip test; Holm: corrected over the {len(found)} comparisons of this table. "
        f"{stars_phrase(found)}"
    ]


def contrast_columns(comparison: SuiteComparison, found: Sequence[Contrast]) -> list[Column]:
    """Return one row per contrast."""
    several = len(comparison.suite.datasets) > 1
    decimals = decimals_of_differences(contrast.difference for contrast in found)
    lead: list[Column] = [("dataset", [c.cell.dataset for c in found])] if several else []
    record = "W/T/L" if found[0].better else "lower/equal/higher"
    return [
        *lead,
        ("images", [str(c.cell.budget) for c in found]),
        ("strategy", [f"`{c.cell.strategy}`" for c in found]),
        (
            f"difference to `{comparison.suite.baseline}` [95 %]",
            [interval(c.difference, decimals) + (" ★" if c.is_significant else "") for c in found],
        ),
        ("pairs", [str(c.difference.n) for c in found]),
        (record, [c.record for c in found]),
        ("p", [p_text(c.p) for c in found]),
        ("p (Holm)", [p_text(c.p_holm) for c in found]),
    ]


def rank_columns(comparison: SuiteComparison) -> list[Column]:
    """Return the strategies' mean ranks over datasets; empty when there is one dataset."""
    if len(comparison.suite.datasets) < 2:
        return []
    key = comparison.headline.key
    ranks, blocks = mean_ranks(comparison, key)
    ordered = sorted(ranks, key=lambda name: (ranks[name], name))
    name = comparison.suite.score(key).title
    title = f"mean rank in {name} over {blocks} (dataset, budget) blocks, 1 is best"
    return [
        ("strategy", [f"`{name}`" for name in ordered]),
        (title, [f"{ranks[n]:.2f}" for n in ordered]),
    ]


def scatter_lines(comparison: SuiteComparison) -> list[str]:
    """Return how far seeds scatter, how much of it pairing removes, and what cannot be separated."""
    found = seed_scatter(comparison, comparison.headline.key)
    if not found:
        return []
    together = (
        "Where the scatter comes from: a seed changes the subset, the initial weights and the sampling noise "
        "together. "
    )
    shared = (
        "how much of the scatter both arms of a pair share (mostly the subset and the initial weights), "
        "which pairing removes, and how much stays in the differences, which only more seeds average out. "
    )
    missing = (
        "Splitting the three needs repeats in the suite, `repeats: {initialisations: 2, samplings: 3}`: "
        "several initial weights on the same subset, several sets of samples of the same model."
    )
    return [
        f"{together}This table shows {shared}The three are split below."
        if has_repeats(comparison)
        else f"{together}One run per seed cannot split the three. What it shows is {shared}{missing}",
        "",
        *markdown(scatter_columns(comparison, found)),
    ]


def scatter_columns(comparison: SuiteComparison, found: Sequence[Scatter]) -> list[Column]:
    """Return one row per contrast: standard deviations over seeds, and the share pairing removes."""
    several = len(comparison.suite.datasets) > 1
    lead: list[Column] = [("dataset", [s.dataset for s in found])] if several else []
    return [
        *lead,
        ("images", [str(s.budget) for s in found]),
        ("strategy", [f"`{s.strategy}`" for s in found]),
        ("pairs", [str(s.n) for s in found]),
        ("SD over seeds, its own", [number_text(s.own, 4) for s in found]),
        ("SD over seeds, baseline", [number_text(s.baseline, 4) for s in found]),
        ("SD of paired differences", [number_text(s.paired, 4) for s in found]),
        ("variance removed by pairing", [f"{100 * s.removed:.0f} %".replace("-", "−") for s in found]),
    ]
