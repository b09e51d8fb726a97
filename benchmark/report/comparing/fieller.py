"""Sets of plausible ratios of two paired means (Fieller (1954), *Some problems in interval estimation*).

They come from inverting a paired t-test: every ratio stays that the test does not reject at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from benchmark.report.comparing.means import CONFIDENCE


def ratio_sets(numerators: Sequence[float], denominators: Sequence[float]) -> list[tuple[float, float]]:
    """Return the intervals of ratios r for which mean(numerator - r * denominator) = 0 is not rejected.

    Paired t-test at 95 %, n >= 2. The set is an interval, two rays or the whole line, never empty unless
    nothing varies. Ends may be infinite.
    """
    a, b = np.asarray(numerators, float), np.asarray(denominators, float)
    n = len(a)
    factor = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) ** 2 / n
    (s_aa, s_ab), (_, s_bb) = np.cov(a, b)
    square = float(b.mean() ** 2 - factor * s_bb)
    half = float(a.mean() * b.mean() - factor * s_ab)
    rest = float(a.mean() ** 2 - factor * s_aa)
    if square == 0.0:
        return [(-math.inf, math.inf)] if half == 0.0 and rest <= 0.0 else []
    discriminant = half**2 - square * rest
    if discriminant <= 0.0:
        return [(-math.inf, math.inf)] if square < 0.0 else [(half / square, half / square)]
    ends = sorted((half + sign * math.sqrt(discriminant)) / square for sign in (-1, 1))
    if square > 0.0:
        return [(ends[0], ends[1])]
    return [(-math.inf, ends[0]), (ends[1], math.inf)]
