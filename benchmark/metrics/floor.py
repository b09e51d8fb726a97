"""What real images score against real ones: the floor of a distance at a number of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchmark.metrics.distances import KID_SUBSET, fit_gaussian, frechet_between, kernel_distance
from benchmark.metrics.features import Features, UncomputableScoreError, check_sets
from benchmark.metrics.intervals import Scored
from benchmark.pulse import pulse

if TYPE_CHECKING:
    from benchmark.metrics.feature_sets import FeatureSets

FLOOR_DRAWS, FLOOR_IMAGES = 20, 10_000  # draws at the most, and images in all of them


def real_floor(sets: FeatureSets, kind: str) -> Scored:
    """Return the mean distance of real images to real images, and the ends that hold 95 % of the draws.

    Without ends where the pool is so small that every draw is nearly all of it, or N too large for many.

    Where the pool is large enough: as many of its images as samples are scored, drawn again and again,
    against the same held-out images: what a perfect generator would get. Else: random disjoint halves of
    all real images there are, in smaller numbers (`floor_images`), so that the floor is too high.
    """
    count = sets.count("floor_images")
    real = {name: sets.features[name] for name in ("heldout", "pool") if len(sets.features[name])}
    check_sets(real, at_least=1)
    if count < 2:
        raise UncomputableScoreError(f"real images for two sets of {count}, at least 2 are needed")
    random = np.random.default_rng(0)
    pool = len(real.get("pool", ()))
    varied = not sets.count("score_images") <= pool < 2 * count  # else the draws are much the same images
    draws = max(1, min(FLOOR_DRAWS, FLOOR_IMAGES // count)) if varied else 1
    values = []
    for _ in range(draws):
        pulse()
        values.append(_real_distance(sets, kind, real, count, random))
    if draws == 1:
        return Scored(values[0])
    low, high = np.quantile(values, [0.025, 0.975])
    return Scored(float(np.mean(values)), float(low), float(high))


def _real_distance(
    sets: FeatureSets, kind: str, real: Mapping[str, Features], count: int, random: np.random.Generator
) -> float:
    enough = len(real.get("pool", ())) >= sets.count("score_images")
    source = real["pool"] if enough else np.concatenate(list(real.values()))
    order = random.permutation(len(source))
    first, others = source[order[:count]], source[order[count : 2 * count]]
    if kind == "kid":
        other = real["heldout"][:count] if enough else others
        return kernel_distance(other, first, subsets=10, subset_size=KID_SUBSET, seed=sets.seed)
    fitted = sets.gaussian("heldout", count) if enough else fit_gaussian(others)
    return frechet_between(fitted, fit_gaussian(first))
