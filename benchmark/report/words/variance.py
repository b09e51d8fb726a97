"""Lay out where scatter comes from, split into subset, initialisation and sampling, and what to repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.nested_variance import LEVELS
from benchmark.report.comparing.variance_split import (
    SPLIT,
    Option,
    VarianceSplit,
    best_samplings,
    costs,
    options,
    splits,
)
from benchmark.report.reading.scores import HEADLINE, score
from benchmark.report.words.formatting import NOTHING, listed, number_text
from benchmark.report.words.tables import Column, markdown

_BELOW_ZERO = "†"


@remembered
def variance_lines(comparison: SuiteComparison) -> list[str]:
    """Return the lines of the section of a suite with repeats."""
    found = {key: splits(comparison, key) for key in SPLIT if splits(comparison, key)}
    if not found:
        return ["### Variance split", "", "No score is repeated in the finished trials: nothing to split."]
    lines = ["### Variance split", "", _what_it_is(comparison), ""]
    for key, rows in found.items():
        lines += [
            f"**{score(key).title}**",
            "",
            *markdown(split_columns(comparison, rows)),
            "",
            *_notes(rows),
        ]
    return [*lines, *_advice_lines(comparison, found)]


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
    for split in (split for key in SPLIT for split in splits(comparison, key)):
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


def _notes(rows: Sequence[VarianceSplit]) -> list[str]:
    """Say what a mark means, and what these repeats cannot tell apart and why."""
    notes = []
    if rows[0].key == HEADLINE:
        notes.append("No samples enter bits/dim: its sampling component is exactly 0.")
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


def _advice_lines(comparison: SuiteComparison, found: dict[str, list[VarianceSplit]]) -> list[str]:
    """Return the table of what one more of each does, and the sentence it comes to."""
    rows: list[tuple[VarianceSplit, list[Option]]] = []
    for key in found:
        for split in _compared(found[key]):
            known = options(split, costs(comparison, split.dataset, split.budget))
            if known:
                rows.append((split, known))
    if not rows:
        return [
            "**Which repeats to add** is not said: it takes subsets, initialisations and samplings that are "
            "each repeated, in equal numbers."
        ]
    several = len(comparison.suite.datasets) > 1
    lead: list[Column] = [("dataset", [s.dataset for s, _ in rows])] if several else []
    columns: list[Column] = [
        *lead,
        ("images", [str(split.budget) for split, _ in rows]),
        ("score", [score(split.key).title for split, _ in rows]),
        *((f"one more {level}", [_option_text(known, level) for _, known in rows]) for level in LEVELS),
        ("most per second", [f"**{_best(known).level}**" for _, known in rows]),
    ]
    baseline = comparison.suite.baseline
    what = f"mean paired difference to `{baseline}`" if rows[0][0].is_difference else "mean score"
    return [
        f"**Which repeats to add.** By how much one more of each lowers the variance of the {what} (mean "
        "over strategies), and what it costs in seconds of one trial's share of the machine, all strategies "
        "together: one more subset with all its initialisations and samplings, one more initialisation of "
        "every subset, one more sampling of every model. A new subset brings new weights and new samples "
        "with it, so at equal cost it is never worse than a new initialisation; initialisations are for "
        "knowing the split.",
        "",
        *markdown(columns),
        "",
        *(f"- {_sentence(comparison, split, known)}" for split, known in rows),
    ]


def _compared(rows: Sequence[VarianceSplit]) -> list[VarianceSplit]:
    """Keep one split per dataset and budget: of the difference and over all strategies, if there is one."""
    best: dict[tuple[str, int], VarianceSplit] = {}
    for row in sorted(rows, key=lambda row: (not row.is_difference, row.strategy is not None)):
        best.setdefault((row.dataset, row.budget), row)
    return [best[place] for place in dict.fromkeys((row.dataset, row.budget) for row in rows)]


def _option_text(known: Sequence[Option], level: str) -> str:
    option = next((option for option in known if option.level == level), None)
    if option is None:
        return "nothing: exactly 0"
    return f"−{100 * option.removed:.1f} % for {_time(option.seconds)}"


def _best(known: Sequence[Option]) -> Option:
    return max(known, key=lambda option: option.rate)


def _sentence(comparison: SuiteComparison, split: VarianceSplit, known: Sequence[Option]) -> str:
    where = f"{split.dataset}, {split.budget} images, {score(split.key).title}"
    best = _best(known)
    rates = listed([f"{o.level} {100 * o.removed / o.seconds:.2g} %" for o in known if o.seconds])
    text = f"{where}: add {best.level}s (variance removed per second: {rates})."
    number_of = best_samplings(split, costs(comparison, split.dataset, split.budget))
    if number_of is not None:
        text += (
            f" With one initialisation per subset, {number_of} samplings per model give the smallest error "
            "for the same cost."
        )
    return text


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
