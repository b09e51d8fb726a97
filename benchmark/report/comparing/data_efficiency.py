"""Read a strategy's worth in images: which budget gives the baseline the same score, and how much of a gap
closes.

Both are ratios of paired means, so their sets of plausible values are `fieller`'s, which may be unbounded and
then say so. Between two budgets the baseline's score is taken to
move along a straight line in log(images); beyond the largest budget nothing is extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import stdtrit

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.comparing.fieller import ratio_sets
from benchmark.report.comparing.means import CONFIDENCE

Curves = dict[int, dict[int, float]]  # budget -> seed -> the baseline's score, signed so that lower is better


@dataclass(frozen=True)
class Equivalent:
    """Say at how many images the baseline scores what a strategy scores at `budget` images.

    `images` and the ends of the interval are clipped to the suite's budgets: the flags say where the true
    value may lie outside. Without an interval (one seed) `low` and `high` are NaN.
    """

    dataset: str
    budget: int
    strategy: str
    n: int
    images: float
    low: float
    high: float
    is_beyond: bool = False  # the baseline's mean reaches the strategy's score at no budget: images = largest
    is_before: bool = False  # the baseline's mean is as good at the smallest budget: images = smallest
    open_below: bool = False  # the interval may go on below the smallest budget
    open_above: bool = False  # the interval may go on beyond the largest budget


@dataclass(frozen=True)
class GapClosed:
    """Say what share of the way from `budget` to `full` images a strategy covers, 1 = all of it.

    `low` and `high` are NaN with a `reason` where there is no bounded interval.
    """

    dataset: str
    budget: int
    strategy: str
    full: int
    n: int
    share: float
    low: float
    high: float
    reason: str = ""


@remembered
def equivalents(comparison: SuiteComparison, key: str) -> list[Equivalent]:
    """Return every strategy's equivalent sample size, where the baseline has two budgets."""
    found = []
    for dataset, budget, strategy, ours, curves in _paired(comparison, key):
        if len(curves) > 1:
            seeds = _shared(ours, *curves.values())
            if seeds:
                scores = [ours[seed] for seed in seeds]
                curve = {b: [values[seed] for seed in seeds] for b, values in curves.items()}
                found.append(_equivalent(dataset, budget, strategy, scores, curve))
    return found


@remembered
def gaps_closed(comparison: SuiteComparison, key: str) -> list[GapClosed]:
    """Return the share of the baseline's gap to its largest budget that each strategy closes."""
    found = []
    for dataset, budget, strategy, ours, curves in _paired(comparison, key):
        full = max(curves, default=budget)
        if budget < full and budget in curves:
            seeds = _shared(ours, curves[budget], curves[full])
            if seeds:
                gained = [curves[budget][s] - ours[s] for s in seeds]
                gaps = [curves[budget][s] - curves[full][s] for s in seeds]
                found.append(_gap_closed((dataset, budget, strategy, full), gained, gaps))
    return found


def flat_stretches(comparison: SuiteComparison, key: str) -> list[tuple[str, int, int]]:
    """Return (dataset, budget, next budget) where the baseline's mean does not gain from more images."""
    sign = -1.0 if comparison.suite.score(key).better == "higher" else 1.0
    found = []
    for dataset in comparison.suite.datasets:
        means = {
            cell.budget: sign * cell.score(key).mean
            for cell in comparison.at(dataset)
            if cell.strategy == comparison.suite.baseline and cell.score(key).n
        }
        found += [(dataset, a, b) for a, b in pairwise(sorted(means)) if means[b] >= means[a]]
    return found


def _paired(comparison: SuiteComparison, key: str) -> list[tuple[str, int, str, dict[int, float], Curves]]:
    """Return each cell but the baseline's with its scores and the baseline's curves, lower is better."""
    suite, better = comparison.suite, comparison.suite.score(key).better
    if suite.baseline is None or not better:
        return []
    sign = 1.0 if better == "lower" else -1.0

    def signed(dataset: str, budget: int, strategy: str) -> dict[int, float]:
        return {s: sign * v for s, v in comparison.numbers(dataset, budget, strategy, key).items()}

    found = []
    for dataset in suite.datasets:
        baseline = {b: signed(dataset, b, suite.baseline) for b in suite.budgets(dataset)}
        curves = {budget: scores for budget, scores in baseline.items() if scores}
        for cell in comparison.at(dataset):
            ours = signed(dataset, cell.budget, cell.strategy)
            if cell.strategy != suite.baseline and ours:
                found.append((dataset, cell.budget, cell.strategy, ours, curves))
    return found


def _equivalent(
    dataset: str, budget: int, strategy: str, scores: list[float], curve: dict[int, list[float]]
) -> Equivalent:
    budgets = sorted(curve)
    target = math.fsum(scores) / len(scores)
    means = {b: math.fsum(values) / len(values) for b, values in curve.items()}
    images, before, beyond = _first_reached(means, target)
    if len(scores) < 2:
        return Equivalent(dataset, budget, strategy, len(scores), images, math.nan, math.nan, beyond, before)
    pieces = [piece for pair in pairwise(budgets) for piece in _segment(scores, curve, *pair)]
    open_below = not _is_better(scores, curve[budgets[0]])
    open_above = not _is_better(curve[budgets[-1]], scores)
    low = budgets[0] if open_below else min([low for low, _ in pieces], default=images)
    high = budgets[-1] if open_above else max([high for _, high in pieces], default=images)
    return Equivalent(
        dataset, budget, strategy, len(scores), images, low, high, beyond, before, open_below, open_above
    )


def _first_reached(means: dict[int, float], target: float) -> tuple[float, bool, bool]:
    """Return the fewest images at which the mean curve is as good as the target, and if that is outside."""
    budgets = sorted(means)
    if means[budgets[0]] <= target:
        return float(budgets[0]), True, False
    for near, far in pairwise(budgets):
        if means[far] <= target:
            return _between(near, far, (means[near] - target) / (means[near] - means[far])), False, False
    return float(budgets[-1]), False, True


def _segment(
    scores: list[float], curve: dict[int, list[float]], near: int, far: int
) -> list[tuple[float, float]]:
    """Return the images between two budgets at which the baseline cannot be told from the scores."""
    numerators = [ours - start for ours, start in zip(scores, curve[near], strict=True)]
    denominators = [end - start for end, start in zip(curve[far], curve[near], strict=True)]
    clipped = [(max(low, 0.0), min(high, 1.0)) for low, high in ratio_sets(numerators, denominators)]
    return [(_between(near, far, low), _between(near, far, high)) for low, high in clipped if low <= high]


def _gap_closed(cell: tuple[str, int, str, int], gained: list[float], gaps: list[float]) -> GapClosed:
    n, mean = len(gaps), math.fsum(gaps) / len(gaps)
    if mean <= 0.0:
        reason = "the baseline does not gain from more images"
        return GapClosed(*cell, n=n, share=math.nan, low=math.nan, high=math.nan, reason=reason)
    share = math.fsum(gained) / n / mean
    sets = ratio_sets(gained, gaps) if n > 1 else []
    if len(sets) == 1 and math.isfinite(sets[0][0] + sets[0][1]):
        return GapClosed(*cell, n=n, share=share, low=sets[0][0], high=sets[0][1])
    reason = "the gap itself may be zero" if n > 1 else "one seed"
    return GapClosed(*cell, n=n, share=share, low=math.nan, high=math.nan, reason=reason)


def _is_better(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Say whether the paired 95 % interval of ours - theirs lies wholly below zero."""
    differences = np.subtract(ours, theirs)
    spread = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    return float(differences.mean()) + float(stdtrit(len(differences) - 1, 0.5 + CONFIDENCE / 2)) * spread < 0


def _between(near: int, far: int, share: float) -> float:
    return near * (far / near) ** share


def _shared(*arms: dict[int, float]) -> list[int]:
    return sorted(set.intersection(*(set(arm) for arm in arms)))
