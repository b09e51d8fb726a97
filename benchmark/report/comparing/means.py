"""Means over seeds and their Student-t intervals (Student (1908), *The probable error of a mean*)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from scipy.special import stdtrit  # the quantile of scipy.stats.t, at a tenth of the import time

from benchmark.report.reading.scores import TrialRecord, number_in

CONFIDENCE = 0.95


@dataclass(frozen=True)
class MeanOverSeeds:
    """Hold a mean over n seeds with its interval; `low` and `high` are NaN when n < 2."""

    n: int = 0
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    left_out: int = 0  # paired differences only: planned seeds without a number in both arms

    @property
    def has_interval(self) -> bool:
        """Say whether there are two seeds or more."""
        return self.n >= 2

    @property
    def half_width(self) -> float:
        """Return half the interval's width; NaN without an interval."""
        return (self.high - self.low) / 2

    @property
    def side_of_zero(self) -> str:
        """Return where the interval lies: "below", "above", "around" zero, or "unknown" without one."""
        if not self.has_interval:
            return "unknown"
        if self.low <= 0.0 <= self.high:
            return "around"
        return "below" if self.high < 0.0 else "above"


def estimate(values: Iterable[float]) -> MeanOverSeeds:
    """Return the mean and the 95 % Student-t interval of values, whatever their order."""
    values = sorted(values)  # a fixed order of summation
    n = len(values)
    if n == 0:
        return MeanOverSeeds()
    mean = math.fsum(values) / n
    if n == 1:
        return MeanOverSeeds(1, mean)
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    half = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * math.sqrt(variance / n)
    return MeanOverSeeds(n, mean, mean - half, mean + half)


def paired_difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], planned: Collection[int] = ()
) -> MeanOverSeeds:
    """Return the estimate of ours - theirs over the seeds both have.

    A seed that one arm lacks is dropped from both and counted in `left_out`, together with planned seeds
    that neither has.
    """
    shared = ours.keys() & theirs.keys()
    every = ours.keys() | theirs.keys() | set(planned)
    found = estimate(ours[seed] - theirs[seed] for seed in shared)
    return MeanOverSeeds(found.n, found.mean, found.low, found.high, left_out=len(every) - len(shared))


def by_seed(records: Mapping[int, TrialRecord], key: str) -> dict[int, float]:
    """Return seed -> number, leaving out seeds whose record has none."""
    numbers = {seed: number_in(record, key) for seed, record in records.items()}
    return {seed: number for seed, number in numbers.items() if number is not None}
