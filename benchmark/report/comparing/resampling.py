"""Bootstrap intervals of a mean of paired differences (Efron & Tibshirani (1993), *An Introduction to the
Bootstrap*).

The report shows Student-t intervals and gives these beside them in table.csv: `reports/calibration`
measures that at three pairs the percentile interval covers far less than the 95 % it is named after.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

_ENUMERATED_UP_TO = 6  # values: 6^6 = 46,656 resamples are all there are
_DRAWN = 10_000


def bootstrap_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the mean; NaNs for fewer than two values.

    Every resample is used where there are few (up to six values); else 10,000 from a fixed seed.
    """
    return bootstrap_intervals([values], confidence)[0]


def bootstrap_intervals(
    every: Sequence[Sequence[float]], confidence: float = 0.95
) -> list[tuple[float, float]]:
    """Return the percentile interval of each sample's mean; samples of one size share their resamples."""
    intervals = [(math.nan, math.nan)] * len(every)
    for n in {len(values) for values in every} - {0, 1}:
        places = [place for place, values in enumerate(every) if len(values) == n]
        samples = np.sort([every[place] for place in places], axis=1).T
        means = _counts(n) @ samples / n
        lows, highs = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        for place, low, high in zip(places, lows, highs, strict=True):
            intervals[place] = float(low), float(high)
    return intervals


def bca_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval of the mean; NaNs for fewer than two values."""
    sample = np.sort(np.asarray(values, dtype=float))
    n = len(sample)
    if n < 2 or sample[0] == sample[-1]:
        return (math.nan, math.nan) if n < 2 else (float(sample[0]), float(sample[-1]))
    start, width = float(sample[0]), float(sample[-1] - sample[0])
    sample = (sample - start) / width
    means = _counts(n) @ sample / n
    below = float((means < sample.mean()).mean() + 0.5 * np.isclose(means, sample.mean()).mean())
    bias = float(ndtri(min(max(below, 1e-6), 1 - 1e-6)))
    jackknife = (sample.sum() - sample) / (n - 1)
    spread = jackknife.mean() - jackknife
    acceleration = float((spread**3).sum() / (6 * (spread**2).sum() ** 1.5))
    tails = ndtri([(1 - confidence) / 2, (1 + confidence) / 2]) + bias
    levels = ndtr(bias + tails / (1 - acceleration * tails))
    low, high = np.quantile(means, levels)
    return start + width * float(low), start + width * float(high)


def bootstrap_t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the studentised interval of the mean; NaNs where fewer than two values or no spread.

    Resamples without spread have no studentised mean and are left out.
    """
    sample = np.sort(np.asarray(values, dtype=float))
    n = len(sample)
    if n < 2 or sample[0] == sample[-1]:
        return math.nan, math.nan
    start, width = float(sample[0]), float(sample[-1] - sample[0])
    sample = (sample - start) / width
    counts = _counts(n)
    means = counts @ sample / n
    variances = np.maximum(counts @ sample**2 / n - means**2, 0.0) * n / (n - 1)
    usable = variances > 1e-12 * sample.var()
    statistics = (means[usable] - sample.mean()) / np.sqrt(variances[usable] / n)
    low, high = np.quantile(statistics, [(1 - confidence) / 2, (1 + confidence) / 2])
    error = sample.std(ddof=1) / math.sqrt(n)
    ends = (float(sample.mean() - quantile * error) for quantile in (high, low))
    low, high = (start + width * end for end in ends)
    return low, high


@functools.cache
def _counts(n: int) -> NDArray[np.float64]:
    """Return how often each of n values stands in each resample, (resamples, n)."""
    if n <= _ENUMERATED_UP_TO:
        drawn = np.array(list(itertools.product(range(n), repeat=n)))
    else:
        drawn = np.random.default_rng(n).integers(0, n, (_DRAWN, n))
    counts = np.zeros(drawn.shape)
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1.0)
    return counts
