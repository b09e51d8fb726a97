"""Say which repeat lowers the error of a mean most for its cost: a subset, an initialisation, a sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.nested_variance import LEVELS
from benchmark.report.comparing.variance_split import VarianceSplit
from benchmark.report.reading.scores import TrialRecord, number_in


@dataclass(frozen=True)
class Option:
    """Hold what one more of a level does: the share of the mean's variance it removes, and its cost."""

    level: str
    removed: float  # 0 to 1
    seconds: float  # on one machine of the suite's kind, for all strategies of the cell

    @property
    def rate(self) -> float:
        """Return the share removed per second."""
        return self.removed / self.seconds if self.seconds else math.inf


def options(split: VarianceSplit, costs: tuple[float, float]) -> list[Option]:
    """Return what one more subset, initialisation or sampling does to the variance of the mean.

    `costs`: seconds of a model without samples, seconds of a set of samples. Empty where the split is
    unbalanced or does not know all it takes.
    """
    known = {component.level: component.shown for component in split.components}
    if not split.is_of_samples:
        known["sampling"] = 0.0
    if not split.is_balanced or set(known) != set(LEVELS) or not any(known.values()):
        return []
    now = [low for low, _ in split.counts]
    variance = _variance_of_mean(known, now)
    model, sampling = costs
    seconds = now[0] * now[1] * (model + now[2] * sampling)
    costs_of_one = (seconds / now[0], seconds / now[1], now[0] * now[1] * sampling)
    found = []
    for place, level in enumerate(LEVELS):
        if level == "sampling" and not split.is_of_samples:
            continue
        more = [count + (place == i) for i, count in enumerate(now)]
        removed = 1 - _variance_of_mean(known, more) / variance
        found.append(Option(level, removed, costs_of_one[place]))
    return found


def best_samplings(split: VarianceSplit, costs: tuple[float, float]) -> int | None:
    """Return how many samplings of one initialisation per subset give the least variance for their cost.

    Cochran (1977), *Sampling Techniques*, section 10.6. None where the split does not know it.
    """
    known = {component.level: component.shown for component in split.components}
    model, sampling = costs
    above = known.get("subset", 0.0) + known.get("initialisation", 0.0)
    if set(known) != set(LEVELS) or not above or not sampling:
        return None
    return max(1, round(math.sqrt(known["sampling"] / above * model / sampling)))


def _variance_of_mean(known: Mapping[str, float], counts: list[int]) -> float:
    subsets, initialisations, samplings = counts
    models = subsets * initialisations
    return (
        known["subset"] / subsets
        + known["initialisation"] / models
        + known["sampling"] / (models * samplings)
    )


@remembered
def costs(comparison: SuiteComparison, dataset: str, budget: int) -> tuple[float, float]:
    """Return the mean seconds of a model without samples and of a set of samples, added over strategies."""
    model = sampling = 0.0
    for name in comparison.suite.strategies:
        records = [r for g in comparison.suite.repeats(dataset, budget, name).values() for r in g.values()]
        timed = [_seconds(record) for record in records]
        if timed:
            model += math.fsum(whole - drawn * each for whole, drawn, each in timed) / len(timed)
            sampling += math.fsum(each for _, _, each in timed) / len(timed)
    return model, sampling


def _seconds(record: TrialRecord) -> tuple[float, int, float]:
    """Return a trial's seconds, its sets of samples, and the seconds of one set."""
    whole, drawn = number_in(record, "wall_seconds") or 0.0, _sets(record)
    if drawn > 1:
        return whole, drawn, (number_in(record, "repeated_seconds") or 0.0) / (drawn - 1)
    first = sum(number_in(record, key) or 0.0 for key in ("sampling_seconds", "scoring_seconds"))
    return whole, 1, min(first, whole)


def _sets(record: TrialRecord) -> int:
    return max((len(values) for values in (record.get("repeated_scores") or {}).values()), default=1)
