"""Lay out paired comparisons, ranks and where the seeds' scatter comes from, with what they cannot say."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.seed_scatter import Scatter, seed_scatter
from benchmark.report.comparing.significance import (
    LEVEL,
    Contrast,
    contrasts,
    least_p,
    mean_ranks,
    seeds_for_level,
)
from benchmark.report.comparing.variance_split import has_repeats
from benchmark.report.reading.scores import HEADLINE, score
from benchmark.report.words.formatting import decimals_of_differences, interval, listed, number_text, spread
from benchmark.report.words.tables import Column, markdown
from benchmark.report.words.variance import variance_lines


@remembered
def paired_lines(comparison: SuiteComparison) -> list[str]:
    """Return the Markdown lines of the section on paired comparisons in the headline."""
    found = contrasts(comparison, HEADLINE)
    if not found:
        nothing = (
            f"No strategy shares a seed with the baseline `{comparison.suite.baseline}`: nothing to pair."
        )
        return [nothing, "", *variance_lines(comparison)] if has_repeats(comparison) else [nothing]
    lines = [*paired_notes(found), "", *markdown(contrast_columns(comparison, found)), ""]
    ranks = rank_columns(comparison)
    if ranks:
        lines += [*markdown(ranks), ""]
    lines += scatter_lines(comparison)
    return [*lines, "", *variance_lines(comparison)] if has_repeats(comparison) else lines


def paired_notes(found: Sequence[Contrast]) -> list[str]:
    """Say what the columns are and what so few pairs can and cannot show."""
    return [
        f"Difference to the baseline in {score(found[0].key).title}, pair by pair (same images, initial "
        "weights and sampling noise). [ ]: 95 % Student-t interval. W/T/L: pairs won, tied, lost. p: exact "
        f"two-sided sign-flip test; Holm: corrected over the {len(found)} comparisons of this table. "
        f"{stars_phrase(found)}"
    ]


def stars_phrase(found: Sequence[Contrast]) -> str:
    """Say who earned a star, or that the number of pairs rules stars out."""
    pairs = [contrast.difference.n for contrast in found]
    family, most = len(found), max(pairs)
    if least_p(most) * family > LEVEL:
        alone = seeds_for_level(1)
        needed = seeds_for_level(family)
        together = f" and {needed} for a family of {family}" if family > 1 else ""
        return (
            f"No stars: with {spread(pairs)} pair{'s' * (most > 1)} no p-value can be below "
            f"{least_p(most):.2g}, whatever the effect; {alone} seeds are the least for one "
            f"comparison{together} at {LEVEL:g}."
        )
    starred = [f"`{c.cell.strategy}` at {c.cell.budget}" for c in found if c.is_significant]
    return f"★: corrected p at most {LEVEL:g}{f' ({listed(starred)})' if starred else '; none here'}."


def contrast_columns(comparison: SuiteComparison, found: Sequence[Contrast]) -> list[Column]:
    """Return one row per contrast."""
    several = len(comparison.suite.datasets) > 1
    decimals = decimals_of_differences(contrast.difference for contrast in found)
    lead: list[Column] = [("dataset", [c.cell.dataset for c in found])] if several else []
    record = "W/T/L" if score(found[0].key).better else "lower/equal/higher"
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


def rank_columns(comparison: SuiteComparison, key: str = HEADLINE) -> list[Column]:
    """Return the strategies' mean ranks over datasets; empty when there is one dataset."""
    if len(comparison.suite.datasets) < 2:
        return []
    ranks, blocks = mean_ranks(comparison, key)
    ordered = sorted(ranks, key=lambda name: (ranks[name], name))
    title = f"mean rank in {score(key).title} over {blocks} (dataset, budget) blocks, 1 is best"
    return [
        ("strategy", [f"`{name}`" for name in ordered]),
        (title, [f"{ranks[n]:.2f}" for n in ordered]),
    ]


def scatter_lines(comparison: SuiteComparison) -> list[str]:
    """Return how far seeds scatter, how much of it pairing removes, and what cannot be separated."""
    found = seed_scatter(comparison, HEADLINE)
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


def p_text(p: float) -> str:
    """Format a p-value; NaN becomes a dash."""
    if p != p:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}".rstrip("0").rstrip(".") if p < 1 else "1"
