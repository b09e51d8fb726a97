"""Say how much of a score's scatter comes from the subset, the initialisation and the sampling."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.nested_variance import (
    Component,
    MeanSquares,
    RepeatPlace,
    mean_squares,
    pooled,
)
from benchmark.report.reading.scores import TrialRecord, number_in


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
    is_of_samples: bool  # a headline is computed from the model alone: the same whatever is sampled
    is_difference: bool
    counts: tuple[tuple[int, int], ...]
    components: tuple[Component, ...]

    @property
    def is_balanced(self) -> bool:
        """Say whether every subset has as many initialisations, and every model as many samplings."""
        return all(low == high for low, high in self.counts)


def has_repeats(comparison: SuiteComparison) -> bool:
    """Say whether any finished trial repeats an initialisation or a sampling."""
    return any(t.initialisation or r.get("repeated_scores") for t, r in comparison.suite.records.items())


def split_keys(comparison: SuiteComparison) -> tuple[str, ...]:
    """Return the scores whose scatter is split, the headline first."""
    return (comparison.headline.key, "kid", "fid")


@remembered
def splits(comparison: SuiteComparison, key: str) -> list[VarianceSplit]:
    """Return the splits of a score by dataset and budget: pooled first, own scores before differences."""
    suite = comparison.suite
    of_samples = key != suite.headline.key
    found: list[VarianceSplit] = []
    for dataset in suite.datasets:
        for budget in suite.budgets(dataset):
            every = {name: numbers_of(suite.repeats(dataset, budget, name), key) for name in suite.strategies}
            own = {name: numbers for name, numbers in every.items() if numbers}
            found += _of_group(VarianceSplit(dataset, budget, None, key, of_samples, False, (), ()), own)
            base = own.pop(suite.baseline, {}) if suite.baseline else {}
            paired = {
                name: {place: value - base[place] for place, value in numbers.items() if place in base}
                for name, numbers in own.items()
            }
            found += _of_group(VarianceSplit(dataset, budget, None, key, of_samples, True, (), ()), paired)
    return found


def _of_group(empty: VarianceSplit, every: Mapping[str, Mapping[RepeatPlace, float]]) -> list[VarianceSplit]:
    """Split each strategy's numbers, and put the mean over strategies first where there are several."""
    rows: list[VarianceSplit] = []
    parts: list[MeanSquares] = []
    for name, numbers in every.items():
        squares = mean_squares(numbers)
        if squares is None:
            continue
        if not empty.is_of_samples:
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
