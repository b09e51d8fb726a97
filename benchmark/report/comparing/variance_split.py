"""Say how much of a score's scatter comes from the subset, the initialisation and the sampling, and which
repeat lowers the error of a mean most for its cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.nested_variance import (
    LEVELS,
    Component,
    MeanSquares,
    RepeatPlace,
    mean_squares,
    pooled,
)
from benchmark.report.reading.loading import TrialRecord
from benchmark.report.reading.scores import HEADLINE, number_in

SPLIT = (HEADLINE, "kid", "fid")
_WITHOUT_SAMPLES = (HEADLINE,)  # computed from the model alone: the same whatever is sampled


@dataclass(frozen=True)
class VarianceSplit:
    """Hold the components of one strategy's score, or of its paired difference to the baseline.

    `strategy` is None for the mean over strategies. `counts`: subsets, initialisations per subset and
    samplings per model, each as (fewest, most).
    """

    dataset: str
    budget: int
    strategy: str | None
    key: str
    is_difference: bool
    counts: tuple[tuple[int, int], ...]
    components: tuple[Component, ...]

    @property
    def is_balanced(self) -> bool:
        """Say whether every subset has as many initialisations, and every model as many samplings."""
        return all(low == high for low, high in self.counts)


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


def has_repeats(comparison: SuiteComparison) -> bool:
    """Say whether any finished trial repeats an initialisation or a sampling."""
    return any(t.initialisation or r.get("repeated_scores") for t, r in comparison.suite.records.items())


@remembered
def splits(comparison: SuiteComparison, key: str) -> list[VarianceSplit]:
    """Return the splits of a score by dataset and budget: pooled first, own scores before differences."""
    suite = comparison.suite
    found: list[VarianceSplit] = []
    for dataset in suite.datasets:
        for budget in suite.budgets(dataset):
            every = {name: numbers_of(suite.repeats(dataset, budget, name), key) for name in suite.strategies}
            own = {name: numbers for name, numbers in every.items() if numbers}
            found += _of_group(VarianceSplit(dataset, budget, None, key, False, (), ()), own)
            base = own.pop(suite.baseline, {}) if suite.baseline else {}
            paired = {
                name: {place: value - base[place] for place, value in numbers.items() if place in base}
                for name, numbers in own.items()
            }
            found += _of_group(VarianceSplit(dataset, budget, None, key, True, (), ()), paired)
    return found


def _of_group(empty: VarianceSplit, every: Mapping[str, Mapping[RepeatPlace, float]]) -> list[VarianceSplit]:
    """Split each strategy's numbers, and put the mean over strategies first where there are several."""
    rows: list[VarianceSplit] = []
    parts: list[MeanSquares] = []
    for name, numbers in every.items():
        squares = mean_squares(numbers)
        if squares is None:
            continue
        if empty.key in _WITHOUT_SAMPLES:
            squares = replace(squares, levels=tuple(n.replace(" + sampling", "") for n in squares.levels))
        parts.append(squares)
        found = squares.components()
        rows.append(replace(empty, strategy=name, counts=counts_of(numbers), components=found))
    if len(rows) < 2:
        return rows
    counts = tuple(
        (min(a for a, _ in c), max(b for _, b in c)) for c in zip(*(r.counts for r in rows), strict=True)
    )
    return [replace(empty, counts=counts, components=pooled(parts)), *rows]


def numbers_of(records: Mapping[int, Mapping[int, TrialRecord]], key: str) -> dict[RepeatPlace, float]:
    """Return (seed, initialisation, sampling) -> number of one cell; what has none is left out."""
    found: dict[RepeatPlace, float] = {}
    for seed, by_initialisation in records.items():
        for initialisation, record in by_initialisation.items():
            repeated = (record.get("repeated_scores") or {}).get(key)
            values = [number_in(record, key)] if repeated is None else repeated
            for sampling, value in enumerate(values):
                if isinstance(value, int | float) and math.isfinite(value):
                    found[seed, initialisation, sampling] = float(value)
    return found


def counts_of(numbers: Iterable[RepeatPlace]) -> tuple[tuple[int, int], ...]:
    """Return how many subsets, initialisations per subset and samplings per model there are."""
    models: dict[int, dict[int, int]] = {}
    for seed, initialisation, _ in numbers:
        group = models.setdefault(seed, {})
        group[initialisation] = group.get(initialisation, 0) + 1
    per_subset = [len(group) for group in models.values()]
    per_model = [count for group in models.values() for count in group.values()]
    return (
        (len(models), len(models)),
        (min(per_subset), max(per_subset)),
        (min(per_model), max(per_model)),
    )


def options(split: VarianceSplit, costs: tuple[float, float]) -> list[Option]:
    """Return what one more subset, initialisation or sampling does to the variance of the mean.

    `costs`: seconds of a model without samples, seconds of a set of samples. Empty where the split is
    unbalanced or does not know all it takes.
    """
    known = {component.level: component.shown for component in split.components}
    if split.key in _WITHOUT_SAMPLES:
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
        if level == "sampling" and split.key in _WITHOUT_SAMPLES:
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
