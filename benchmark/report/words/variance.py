"""Lay out where scatter comes from, split into subset, initialisation and sampling, and what to repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.nested_variance import LEVELS
from benchmark.report.comparing.variance_split import VarianceSplit, split_keys, splits
from benchmark.report.words.formatting import NOTHING, number_text
from benchmark.report.words.markdown import Column, markdown

_BELOW_ZERO = "†"


@remembered
def variance_lines(comparison: SuiteComparison) -> list[str]:
    """Return the lines of the section of a suite with repeats."""
    found = {key: rows for key in split_keys(comparison) if (rows := splits(comparison, key))}
    if not found:
        return ["### Variance split", "", "No score is repeated in the finished trials: nothing to split."]
    lines = ["### Variance split", "", _what_it_is(comparison), ""]
    for key, rows in found.items():
        lines += [
            f"**{comparison.suite.score(key).title}**",
            "",
            *markdown(split_columns(comparison, rows)),
            "",
            *_notes(rows, comparison.headline.in_short),
        ]
    return lines


def _what_it_is(comparison: SuiteComparison) -> str:
    baseline = comparison.suite.baseline
    paired = (
        f" The rows *difference to `{baseline}`* are what strategies are compared by." if baseline else ""
    )
    return (
        "Every subset of images was trained on several times (*initialisation*: initial weights, order of "
        "batches, views and dropout together, auto-encoder and priors anew), and every model sampled several "
        "times (*sampling*: the images drawn, and the subsets KID is averaged over); *repeats*: subsets × "
        "initialisations × samplings. Numbers are the "
        "standard deviation that each adds to one run, from a nested random-effects analysis of variance "
        "(method of moments); [ ]: 95 % modified large-sample intervals, which few subsets leave wide. "
        "*all (mean)*: of the strategies' variances; its intervals keep one strategy's degrees of freedom, "
        f"because strategies share their noise.{paired} Every number: [variance.csv](variance.csv). "
        "All other tables and figures show initialisation 0 and its first set of samples only. Held-out "
        "images are the same throughout: what another held-out split would change is not in here."
    )


def variance_csv(comparison: SuiteComparison) -> str:
    """Return every component as CSV, a row per split and level; variances, not standard deviations."""
    rows = []
    for split in (split for key in split_keys(comparison) for split in splits(comparison, key)):
        for component in split.components:
            row: dict[str, object] = {"dataset": split.dataset, "budget": split.budget}
            row |= {"strategy": split.strategy or "all (mean)", "score": split.key}
            row |= {"of": "difference" if split.is_difference else "score"}
            for level, (fewest, most) in zip(LEVELS, split.counts, strict=True):
                row |= {f"{level}s_fewest": fewest, f"{level}s_most": most}
            row |= {"level": component.level, "variance": component.variance}
            rows.append(row | {"variance_low": component.low, "variance_high": component.high})
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.10g", lineterminator="\n")


def split_columns(comparison: SuiteComparison, rows: Sequence[VarianceSplit]) -> list[Column]:
    """Return one row per split: design, standard deviation of each level, shares of the variance."""
    suite = comparison.suite
    several = len(suite.datasets) > 1
    lead: list[Column] = [("dataset", [r.dataset for r in rows])] if several else []
    levels = list(dict.fromkeys(c.level for r in rows for c in r.components))
    levels.sort(key=lambda level: LEVELS.index(level.split(" + ")[0]))
    return [
        *lead,
        ("images", [str(r.budget) for r in rows]),
        ("strategy", [f"`{r.strategy}`" if r.strategy else "all (mean)" for r in rows]),
        ("of", [f"difference to `{suite.baseline}`" if r.is_difference else "score" for r in rows]),
        ("repeats", [_design(r) for r in rows]),
        *((f"SD, {level} [95 %]", [_component_text(r, level) for r in rows]) for level in levels),
        (f"share of variance: {' / '.join(levels)}", [_shares(r, levels) for r in rows]),
    ]


def _design(split: VarianceSplit) -> str:
    return " × ".join(str(low) if low == high else f"{low} to {high}" for low, high in split.counts)


def _component_text(split: VarianceSplit, level: str) -> str:
    found = next((c for c in split.components if c.level == level), None)
    if found is None:
        return NOTHING
    mark = f" {_BELOW_ZERO}" if found.variance < 0 else ""
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return f"{_deviation(found.shown)}{mark}"
    return f"{_deviation(found.shown)}{mark} [{_deviation(found.low)}, {_deviation(found.high)}]"


def _deviation(variance: float) -> str:
    """Write a standard deviation with two digits."""
    size = math.sqrt(variance)
    if not size:
        return "0"
    return number_text(size, min(max(1 - math.floor(math.log10(size)), 0), 8))


def _shares(split: VarianceSplit, levels: Sequence[str]) -> str:
    shown = {component.level: component.shown for component in split.components}
    total = math.fsum(shown.values())
    if not total:
        return NOTHING
    parts = (f"{100 * shown[level] / total:.0f}" if level in shown else NOTHING for level in levels)
    return f"{' / '.join(parts)} %"


def _notes(rows: Sequence[VarianceSplit], headline: str) -> list[str]:
    """Say what a mark means, and what these repeats cannot tell apart and why."""
    notes = []
    if not rows[0].is_of_samples:
        notes.append(f"No samples enter {headline}: its sampling component is exactly 0.")
    if any(component.variance < 0 for row in rows for component in row.components):
        notes.append(f"{_BELOW_ZERO} estimated below zero, which is possible by chance, and shown as 0.")
    if any(component.high == 0 for row in rows for component in row.components):
        notes.append("[0, 0]: the whole interval lies below zero, which chance does in one of forty.")
    if not all(row.is_balanced for row in rows):
        notes.append(
            "Rows with unequal numbers of repeats (trials failed or are missing) use the formulae for "
            "unequal numbers and have no interval."
        )
    lacking = _lacking(rows)
    if lacking:
        notes.append(f"Not told apart: {'; '.join(lacking)}.")
    return [" ".join(notes), ""] if notes else []


def _lacking(rows: Sequence[VarianceSplit]) -> list[str]:
    """Name what would have to be repeated for the levels that stand together or are absent."""
    levels = {component.level for row in rows for component in row.components}
    found = []
    if any(row.counts[0][0] < 2 for row in rows):
        found.append("the subset, which one seed draws (two `seeds` or more are needed)")
    if any("subset + " in level for level in levels):
        found.append("subset and initialisation (`repeats: {initialisations: 2}` or more would)")
    if any(level.endswith("initialisation + sampling") for level in levels):
        found.append("initialisation and sampling (`repeats: {samplings: 2}` or more would)")
    return found
