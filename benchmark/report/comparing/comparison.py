"""Compare strategies seed by seed: every score's mean and paired difference to the baseline.

The unit of analysis is the seed; a pair is two strategies under the same (dataset, budget, seed), which share
images, initial weights and sampling noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypeVar

from benchmark.report.comparing.means import MeanOverSeeds, by_seed, estimate, paired_difference
from benchmark.report.reading.scores import LeadScore, numeric_keys
from benchmark.report.reading.suite_records import SuiteRecords

Rest = ParamSpec("Rest")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cell:
    """Hold one strategy's scores on one dataset at one budget."""

    dataset: str
    budget: int
    strategy: str
    planned: int
    done: int
    scores: Mapping[str, MeanOverSeeds] = field(default_factory=dict)
    differences: Mapping[str, MeanOverSeeds] = field(default_factory=dict)  # empty for the baseline itself

    def score(self, key: str) -> MeanOverSeeds:
        """Return a score's estimate, with n = 0 where there is no number."""
        return self.scores.get(key, MeanOverSeeds())

    def difference(self, key: str) -> MeanOverSeeds:
        """Return a score's paired difference to the baseline, with n = 0 where there is none."""
        return self.differences.get(key, MeanOverSeeds())


@dataclass(frozen=True)
class SuiteComparison:
    """Hold a suite's records together with everything computed from them."""

    suite: SuiteRecords
    metrics: tuple[str, ...]
    cells: tuple[Cell, ...]  # by dataset (the plan's order), budget (ascending), strategy (the plan's order)

    @property
    def headline(self) -> LeadScore:
        """Return the score that leads, as the manifest names it."""
        return self.suite.headline

    def at(self, dataset: str, budget: int | None = None) -> list[Cell]:
        """Return the cells of a dataset, of one budget or of all."""
        return [c for c in self.cells if c.dataset == dataset and budget in (None, c.budget)]

    def between(self, key: str, ours: Cell, theirs: Cell) -> MeanOverSeeds:
        """Return the paired difference ours - theirs of two cells with the same dataset and budget."""
        seeds = {
            trial.seed
            for c in (ours, theirs)
            for trial in self.suite.planned(c.dataset, c.budget, c.strategy)
        }
        first, second = (self.numbers(c.dataset, c.budget, c.strategy, key) for c in (ours, theirs))
        return paired_difference(first, second, seeds)

    def numbers(self, dataset: str, budget: int, strategy: str, key: str) -> dict[int, float]:
        """Return seed -> number of one cell's score; read once, so not to be changed."""
        place = (dataset, budget, strategy, key)
        if place not in self.memory:
            self.memory[place] = by_seed(self.suite.done(dataset, budget, strategy), key)
        return self.memory[place]

    @cached_property
    def memory(self) -> dict[tuple[Hashable, ...], Any]:
        """Hold what was computed from these records, by what it is."""
        return {}


def remembered(
    compute: Callable[Concatenate[SuiteComparison, Rest], Result],
) -> Callable[Concatenate[SuiteComparison, Rest], Result]:
    """Compute something from a comparison once, however many pages and tables ask for it."""

    @functools.wraps(compute)
    def once(comparison: SuiteComparison, /, *rest: Rest.args, **named: Rest.kwargs) -> Result:
        place = (compute.__module__, compute.__qualname__, *rest, *named.items())
        if place not in comparison.memory:
            comparison.memory[place] = compute(comparison, *rest, **named)
        result: Result = comparison.memory[place]
        return result

    return once


def compare(suite: SuiteRecords) -> SuiteComparison:
    """Compute every estimate and every paired difference of a suite."""
    metrics = numeric_keys(suite.records.values())
    read: dict[tuple[Hashable, ...], dict[int, float]] = {
        (dataset, budget, strategy, key): by_seed(records, key)
        for dataset in suite.datasets
        for budget in suite.budgets(dataset)
        for strategy in suite.strategies
        for records in [suite.done(dataset, budget, strategy)]
        for key in metrics
    }
    cells = tuple(
        _cell(suite, metrics, read, (dataset, budget, strategy))
        for dataset in suite.datasets
        for budget in suite.budgets(dataset)
        for strategy in suite.strategies
        if suite.planned(dataset, budget, strategy)
    )
    comparison = SuiteComparison(suite, metrics, cells)
    comparison.memory.update(read)  # what SuiteComparison.numbers would read again
    return comparison


def _cell(
    suite: SuiteRecords,
    metrics: tuple[str, ...],
    read: Mapping[tuple[Hashable, ...], Mapping[int, float]],
    place: tuple[str, int, str],
) -> Cell:
    dataset, budget, strategy = place
    planned = suite.planned(*place)
    done = suite.done(*place)
    scores = {key: estimate(read[*place, key].values()) for key in metrics}
    differences: dict[str, MeanOverSeeds] = {}
    if suite.baseline is not None and strategy != suite.baseline:
        seeds = {trial.seed for trial in planned + suite.planned(dataset, budget, suite.baseline)}
        differences = {
            key: paired_difference(
                read[*place, key], read.get((dataset, budget, suite.baseline, key), {}), seeds
            )
            for key in metrics
        }
    return Cell(dataset, budget, strategy, len(planned), len(done), scores, differences)
