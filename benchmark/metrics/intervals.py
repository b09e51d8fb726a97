"""How far a score moves when other images of the same kind are drawn: 95 % intervals over images.

Scores that are means over images are resampled (bootstrap, 1,000 draws of as many images). Frechet and kernel
distances are not: an image drawn twice looks like a mode that is not there, and shrinks the sample, so
their bootstrap lies around a larger value than the score. They are resampled in their linear part instead,
which has a closed form: every image has an influence, and the interval is value +- 1.96 times the root of the
influences' squared sum (infinitesimal jackknife: Jaeckel 1972; Efron 1982, The Jackknife, the Bootstrap and
Other Resampling Plans). It is a spread around the score at this N: the score's own bias stays in it.
Neighbour balls (precision, ..., coverage) stay as they are while the images in them are resampled, because
an image drawn twice has a ball of radius 0. None of this is the spread over seeds, which a report adds.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
MANY = 5000  # images; from here on a mean's bootstrap is its normal limit
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Scored:
    """A score and the ends of its 95 % interval over images, where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Estimate:
    """A score and, per set, each image's influence: the score's derivative by the log of the image's weight.

    Influences (N,) of a set sum to 0; images of a set that is longer than its array have none.
    """

    value: float
    influences: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def interval(self) -> Scored:
        """Return the value with its normal 95 % interval."""
        variance = sum(float(d @ d) for d in self.influences.values())
        reach = NORMAL_95 * variance**0.5
        return Scored(self.value, self.value - reach, self.value + reach)


def weighted_sum(terms: Iterable[tuple[float, Estimate]]) -> Estimate:
    """Return the weighted sum of estimates; an image's influences on several add up before squaring."""
    value, sums = 0.0, dict[str, NDArray[np.float64]]()
    for weight, estimate in terms:
        value += weight * estimate.value
        for name, influences in estimate.influences.items():
            before = sums.get(name, np.zeros(0))
            total = np.zeros(max(len(before), len(influences)))
            total[: len(before)] += before
            total[: len(influences)] += weight * influences
            sums[name] = total
    return Estimate(value, sums)


def mean_scored(values: NDArray[np.floating] | NDArray[np.bool_], scale: float = 1.0) -> Scored:
    """Return scale times the mean of one value per image (N,), with its percentile bootstrap interval."""
    if len(values) > MANY:
        mean, reach = float(values.mean(dtype=np.float64)), NORMAL_95 * float(values.std(dtype=np.float64))
        reach /= len(values) ** 0.5
        return Scored(mean * scale, (mean - reach) * scale, (mean + reach) * scale)
    resampled = _counts(len(values)) @ values.astype(np.float32) * (scale / len(values))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Scored(float(values.mean(dtype=np.float64)) * scale, float(low), float(high))


def ratio_of_medians(above: NDArray[np.floating], below: NDArray[np.floating]) -> Scored:
    """Return median(above) / median(below) of values (N,), (M,) with its percentile bootstrap interval."""
    random = np.random.default_rng(0)
    value = float(np.median(above)) / float(np.median(below))
    ratios = []
    for _ in range(RESAMPLES // 50):  # in parts, to hold little at once
        medians = [np.median(x[random.integers(len(x), size=(50, len(x)))], axis=1) for x in (above, below)]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append(medians[0] / medians[1])
    drawn = np.concatenate(ratios)
    if not np.isfinite(drawn).all():
        return Scored(value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Scored(value, float(low), float(high))


@functools.lru_cache(maxsize=2)
def _counts(images: int) -> NDArray[np.float32]:
    """Say how often each image is drawn, (RESAMPLES, images); the same draws for every score."""
    random = np.random.default_rng(0)
    share = np.full(images, 1 / images)
    return random.multinomial(images, share, size=RESAMPLES).astype(np.float32)
