"""Say which repeats a suite should add: what one more of each removes, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.nested_variance import LEVELS
from benchmark.report.comparing.repeats_to_add import Option, best_samplings, costs, options
from benchmark.report.comparing.variance_split import VarianceSplit, split_keys, splits
from benchmark.report.words.formatting import listed
from benchmark.report.words.markdown import Column, markdown


@remembered
def advice_lines(comparison: SuiteComparison) -> list[str]:
    """Return the table of what one more of each does, and the sentence it comes to; none without repeats."""
    found = [splits(comparison, key) for key in split_keys(comparison)]
    if not any(found):
        return []
    rows = [
        (split, known)
        for every in found
        for split in _compared(every)
        if (known := options(split, costs(comparison, split.dataset, split.budget)))
    ]
    if not rows:
        return [
            "**Which repeats to add** is not said: it takes subsets, initialisations and samplings that are "
            "each repeated, in equal numbers."
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
        *markdown(_columns(comparison, rows)),
        "",
        *(f"- {_sentence(comparison, split, known)}" for split, known in rows),
    ]


def _columns(comparison: SuiteComparison, rows: Sequence[tuple[VarianceSplit, list[Option]]]) -> list[Column]:
    several = len(comparison.suite.datasets) > 1
    lead: list[Column] = [("dataset", [s.dataset for s, _ in rows])] if several else []
    return [
        *lead,
        ("images", [str(split.budget) for split, _ in rows]),
        ("score", [comparison.suite.score(split.key).title for split, _ in rows]),
        *((f"one more {level}", [_option_text(known, level) for _, known in rows]) for level in LEVELS),
        ("most per second", [f"**{_best(known).level}**" for _, known in rows]),
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
    where = f"{split.dataset}, {split.budget} images, {comparison.suite.score(split.key).title}"
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
