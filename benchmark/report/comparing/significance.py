"""Test paired differences without assuming a distribution, and correct for how many are looked at.

The test flips signs: if two strategies do not differ, every pair's difference could as well have had the
other sign (Fisher (1935), *The Design of Experiments*, section 21). With n pairs there are 2^n ways to
flip, so that no p-value can be below 2 / 2^n: 0.25 at three seeds, 0.03 at six. Holm (1979), *A simple
sequentially rejective multiple test procedure*, keeps the chance of any false finding in a family at the
level.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.report.comparing.comparison import Cell, SuiteComparison, remembered
from benchmark.report.comparing.means import MeanOverSeeds
from benchmark.report.comparing.resampling import bootstrap_intervals

LEVEL = 0.05
_EXACT_UP_TO = 14  # pairs: 16,384 ways to flip; above, as many are drawn
_DRAWN = 20_000


@dataclass(frozen=True)
class Contrast:
    """Hold one strategy's comparison with the baseline in one score, dataset and budget."""

    cell: Cell
    key: str
    better: str  # "lower", "higher" or "" where neither is
    difference: MeanOverSeeds  # Student-t interval
    bootstrap: tuple[float, float]  # percentile interval over resampled pairs, for comparison; NaN if n < 2
    p: float  # two-sided; NaN without pairs
    p_holm: float  # corrected over the family: every contrast of this score in the suite
    lower: int  # pairs in which the strategy's number is the lower one
    equal: int
    higher: int

    @property
    def is_significant(self) -> bool:
        """Say whether the corrected p-value earns a star."""
        return self.p_holm <= LEVEL

    @property
    def first(self) -> int:
        """Return the pairs won, or the lower ones where the score has no better direction."""
        return self.higher if self.better == "higher" else self.lower

    @property
    def record(self) -> str:
        """Return wins/ties/losses, or lower/equal/higher where the score has no better direction."""
        return f"{self.first}/{self.equal}/{self.lower + self.higher - self.first}"


@remembered
def contrasts(comparison: SuiteComparison, key: str) -> list[Contrast]:
    """Compare every cell that shares pairs with the baseline; Holm's family is all of them."""
    baseline = comparison.suite.baseline
    if baseline is None:
        return []
    found = []
    for cell in comparison.cells:
        if cell.strategy == baseline or not cell.difference(key).n:
            continue
        ours = comparison.numbers(cell.dataset, cell.budget, cell.strategy, key)
        theirs = comparison.numbers(cell.dataset, cell.budget, baseline, key)
        found.append((cell, [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]))
    p_values = sign_flip_p_values([differences for _, differences in found])
    intervals = bootstrap_intervals([differences for _, differences in found])
    return [
        Contrast(
            cell=cell,
            key=key,
            better=comparison.suite.score(key).better,
            difference=cell.difference(key),
            bootstrap=interval,
            p=p,
            p_holm=corrected,
            lower=sum(d < 0 for d in differences),
            equal=sum(d == 0 for d in differences),
            higher=sum(d > 0 for d in differences),
        )
        for (cell, differences), p, corrected, interval in zip(
            found, p_values, holm(p_values), intervals, strict=True
        )
    ]


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the sign-flip test of mean zero; NaN without differences.

    Exact up to 14 pairs. Above, the p-value of 20,000 drawn flips with the observed one added, which never
    understates it (Phipson & Smyth (2010), *Permutation p-values should never be zero*).
    """
    return sign_flip_p_values([differences])[0]


def sign_flip_p_values(every: Sequence[Sequence[float]]) -> list[float]:
    """Return the p-value of each set of differences; sets of one size are flipped together."""
    p_values = [math.nan] * len(every)
    for n in {len(differences) for differences in every} - {0}:
        places = [place for place, differences in enumerate(every) if len(differences) == n]
        values = np.sort([every[place] for place in places], axis=1).T  # whatever the order of records
        sizes = np.abs(values).max(axis=0)
        values = values / np.where(sizes > 0, sizes, 1)  # so that the tolerance means the same for every unit
        observed = np.abs(values.sum(axis=0)) - 1e-9
        extreme = (np.abs(_signs(n) @ values) >= observed).sum(axis=0)
        drawn = int(n > _EXACT_UP_TO)
        for place, count in zip(places, extreme, strict=True):
            p_values[place] = float((count + drawn) / (len(_signs(n)) + drawn))
    return p_values


def least_p(n: int) -> float:
    """Return the smallest two-sided p-value that n pairs can give."""
    return min(1.0, 2.0 / 2.0**n) if n else math.nan


def seeds_for_level(family: int) -> int:
    """Return the least number of pairs with which the smallest p-value of a family can pass Holm."""
    return next(n for n in range(1, 64) if least_p(n) * max(family, 1) <= LEVEL)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's corrected p-values in the given order; NaN stays NaN and is not counted."""
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def mean_ranks(comparison: SuiteComparison, key: str) -> tuple[dict[str, float], int]:
    """Return each strategy's mean rank (1 is best) and over how many (dataset, budget) blocks it is taken.

    A block counts when every strategy has the score there; equal means share their ranks. Empty for a score
    without a better direction.
    """
    better = comparison.suite.score(key).better
    names = comparison.suite.strategies
    if not better:
        return {}, 0
    blocks = []
    for dataset in comparison.suite.datasets:
        for budget in comparison.suite.budgets(dataset):
            means = {c.strategy: c.score(key).mean for c in comparison.at(dataset, budget) if c.score(key).n}
            if len(means) == len(names):
                blocks.append(_ranks([means[name] for name in names], best_is_low=better == "lower"))
    if not blocks:
        return {}, 0
    return {n: math.fsum(r[i] for r in blocks) / len(blocks) for i, n in enumerate(names)}, len(blocks)


def _ranks(values: Iterable[float], *, best_is_low: bool) -> list[float]:
    signed = [value if best_is_low else -value for value in values]
    return [sum(o < v for o in signed) + (sum(o == v for o in signed) + 1) / 2 for v in signed]


@functools.cache
def _signs(n: int) -> NDArray[np.float64]:
    """Return rows of -1 and 1: all 2^n of them where that is few, else random ones from a fixed seed."""
    if n <= _EXACT_UP_TO:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    else:
        bits = np.random.default_rng(n).integers(0, 2, (_DRAWN, n))
    return (2.0 * bits - 1.0).astype(np.float64)
