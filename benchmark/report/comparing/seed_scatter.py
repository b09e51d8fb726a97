"""Measure how far seeds scatter and how much of that two arms of a pair share.

One run per seed varies subset, initial weights and sampling noise together, so the three cannot be told
apart (Bouthillier et al. (2021), *Accounting for variance in machine learning benchmarks*). The shared part
can. With a suite's `repeats`, `variance_split` tells the three apart.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmark.report.comparing.comparison import SuiteComparison


@dataclass(frozen=True)
class Scatter:
    """Hold standard deviations over the n seeds two arms share, and the share of variance pairing removes.

    `removed` is 1 - var(difference) / (var(own) + var(baseline)): 0 when the arms have nothing in common, 1
    when they move together, negative when pairing hurts.
    """

    dataset: str
    budget: int
    strategy: str
    n: int
    own: float
    baseline: float
    paired: float
    removed: float


def seed_scatter(comparison: SuiteComparison, key: str) -> list[Scatter]:
    """Return the scatter of every contrast with three pairs or more; two give no usable variance."""
    suite = comparison.suite
    found = []
    for cell in comparison.cells:
        if suite.baseline is None or cell.strategy == suite.baseline:
            continue
        ours = comparison.numbers(cell.dataset, cell.budget, cell.strategy, key)
        theirs = comparison.numbers(cell.dataset, cell.budget, suite.baseline, key)
        seeds = sorted(ours.keys() & theirs.keys())
        if len(seeds) < 3:
            continue
        own, base = ([arm[seed] for seed in seeds] for arm in (ours, theirs))
        paired = statistics.variance([a - b for a, b in zip(own, base, strict=True)])
        alone = statistics.variance(own) + statistics.variance(base)
        found.append(
            Scatter(
                cell.dataset,
                cell.budget,
                cell.strategy,
                len(seeds),
                statistics.stdev(own),
                statistics.stdev(base),
                paired**0.5,
                1 - paired / alone if alone else 0.0,
            )
        )
    return found
