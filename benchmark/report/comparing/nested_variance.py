"""Split the variance of nested repeats by the method of moments, balanced or not.

y = mean + subset + initialisation (within a subset) + sampling (within an initialisation), three independent
random effects. Searle, Casella & McCulloch (1992), *Variance Components*, section 3.6 (balanced) and appendix
F.2 (unequal numbers). Intervals of a balanced split: exact for the lowest level, else the modified
large-sample interval of Ting, Burdick, Graybill, Jeyaratnam & Lu (1990), *Confidence intervals on linear
combinations of variance components that are unrestricted in sign*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, fdtri

from benchmark.report.comparing.means import CONFIDENCE

LEVELS = ("subset", "initialisation", "sampling")
RepeatPlace = tuple[int, int, int]  # seed (it draws the subset), initialisation, sampling
_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Component:
    """Hold one level's variance: unbiased, so perhaps negative; NaNs for an interval that does not exist."""

    level: str  # of LEVELS, or "a + b" where the design cannot tell the two apart
    variance: float
    low: float = math.nan
    high: float = math.nan

    @property
    def shown(self) -> float:
        """Return the variance, 0 for an estimate below."""
        return max(self.variance, 0.0)


@dataclass(frozen=True)
class MeanSquares:
    """Hold the mean squares of the levels that a design can tell apart, the top one first.

    `expected[i][j]` is the weight of level j's variance in the expectation of mean square i.
    """

    levels: tuple[str, ...]
    values: tuple[float, ...]
    freedom: tuple[int, ...]
    expected: tuple[tuple[float, ...], ...]
    is_balanced: bool

    def components(self) -> tuple[Component, ...]:
        """Return each level's variance, with its 95 % interval where the design is balanced."""
        variances = np.linalg.solve(np.array(self.expected), np.array(self.values))
        return tuple(
            Component(level, float(variance), *(self._interval(i) if self.is_balanced else ()))
            for i, (level, variance) in enumerate(zip(self.levels, variances, strict=True))
        )

    def _interval(self, i: int) -> tuple[float, float]:
        mine, df = self.values[i], self.freedom[i]
        if i == len(self.levels) - 1:
            ends = (df * mine / float(chdtri(df, tail)) for tail in (_TAIL, 1 - _TAIL))
            return next(ends), next(ends)
        low, high = difference_interval((mine, self.values[i + 1]), (df, self.freedom[i + 1]))
        return max(low, 0.0) / self.expected[i][i], max(high, 0.0) / self.expected[i][i]


def mean_squares(numbers: Mapping[RepeatPlace, float]) -> MeanSquares | None:
    """Return the mean squares of a nested design; None where nothing is repeated.

    A level that is never repeated within the one above is one with it; with one subset, nothing is said of
    subsets.
    """
    groups: dict[int, dict[int, list[float]]] = {}
    for (seed, initialisation, _), value in sorted(numbers.items()):
        groups.setdefault(seed, {}).setdefault(initialisation, []).append(value)
    models = [list(group.values()) for group in groups.values()]
    sizes = [[len(values) for values in group] for group in models]
    inner, outer = sum(map(len, sizes)), len(sizes)
    freedom = (outer - 1, inner - outer, len(numbers) - inner)
    kept = [level for level in range(3) if freedom[level]]
    if not kept:
        return None
    weights, sums = _weights(sizes, freedom), _sums(models)
    return MeanSquares(
        _names(freedom),
        tuple(sums[level] / freedom[level] for level in kept),
        tuple(freedom[level] for level in kept),
        tuple(tuple(weights[row][column] for column in kept) for row in kept),
        len({len(group) for group in sizes}) == 1 and len({n for group in sizes for n in group}) == 1,
    )


def _names(freedom: tuple[int, int, int]) -> tuple[str, ...]:
    """Name the levels that can be told apart: one without freedom of its own joins the one above it."""
    names: list[list[str]] = []
    for level, free in zip(LEVELS, freedom, strict=True):
        if free or not names:
            names.append([level])
        else:
            names[-1].append(level)
    return tuple(" + ".join(parts) for parts in (names if freedom[0] else names[1:]))


def _sums(models: Sequence[Sequence[Sequence[float]]]) -> tuple[float, float, float]:
    """Return the sums of squares between subsets, between their models and between a model's samplings."""
    every = [value for group in models for values in group for value in values]
    grand = math.fsum(every) / len(every)
    between = within = noise = 0.0
    for group in models:
        count = sum(map(len, group))
        mean = math.fsum(value for values in group for value in values) / count
        between += count * (mean - grand) ** 2
        for values in group:
            own = math.fsum(values) / len(values)
            within += len(values) * (own - mean) ** 2
            noise += math.fsum((value - own) ** 2 for value in values)
    return between, within, noise


def _weights(sizes: Sequence[Sequence[int]], freedom: Sequence[int]) -> list[list[float]]:
    """Return the weight of each variance in each expected mean square; n, n and b n where all are equal."""
    total = sum(map(sum, sizes))
    squares = [sum(n**2 for n in group) for group in sizes]
    shares = sum(square / sum(group) for square, group in zip(squares, sizes, strict=True))
    own = (total - shares) / freedom[1] if freedom[1] else 0.0
    carried = (shares - sum(squares) / total) / freedom[0] if freedom[0] else 0.0
    top = (total - sum(sum(group) ** 2 for group in sizes) / total) / freedom[0] if freedom[0] else 0.0
    return [[top, carried, 1.0], [0.0, own, 1.0], [0.0, 0.0, 1.0]]


def difference_interval(squares: tuple[float, float], freedom: tuple[int, int]) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two expected mean squares."""
    (one, other), (df, below) = squares, freedom
    upper, lower = (float(fdtri(df, below, p)) for p in (1 - _TAIL, _TAIL))
    g = [1 - n / float(chdtri(n, _TAIL)) for n in freedom]
    h = [n / float(chdtri(n, 1 - _TAIL)) - 1 for n in freedom]
    g_cross = ((upper - 1) ** 2 - (g[0] * upper) ** 2 - h[1] ** 2) / upper
    h_cross = ((1 - lower) ** 2 - (h[0] * lower) ** 2 - g[1] ** 2) / lower
    down = (g[0] * one) ** 2 + (h[1] * other) ** 2 + g_cross * one * other
    up = (h[0] * one) ** 2 + (g[1] * other) ** 2 + h_cross * one * other
    return one - other - math.sqrt(max(down, 0.0)), one - other + math.sqrt(max(up, 0.0))


def pooled(every: Sequence[MeanSquares]) -> tuple[Component, ...]:
    """Return the mean variance of each level over strategies.

    Strategies share noise, so the pooled mean squares keep the degrees of freedom of one strategy: the
    intervals are not too short. Where designs differ there are none.
    """
    first = every[0]
    if all((m.expected, m.is_balanced) == (first.expected, True) for m in every):
        values = tuple(math.fsum(v) / len(every) for v in zip(*(m.values for m in every), strict=True))
        return MeanSquares(first.levels, values, first.freedom, first.expected, True).components()
    alike = [m.components() for m in every if m.levels == first.levels]
    return tuple(
        Component(parts[0].level, math.fsum(part.variance for part in parts) / len(alike))
        for parts in zip(*alike, strict=True)
    )
