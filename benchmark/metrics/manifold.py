"""Precision, recall, density and coverage: who lies inside the other set's neighbour balls?"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics.features import Features, UncomputableScoreError, check_features
from benchmark.metrics.neighbours import nearest
from benchmark.metrics.points import Points, blocks, lower_bounds, pairs_inside, shadowed

LEAST = 6  # images of each side, for the fifth neighbour


class Manifold(NamedTuple):
    """The four scores of one pass."""

    precision: float
    recall: float
    density: float
    coverage: float


class Members(NamedTuple):
    """What the four scores are means of, one value per image (N,)."""

    precise: NDArray[np.bool_]  # generated images inside some real ball
    recalled: NDArray[np.bool_]  # real images inside some generated ball
    dense: NDArray[np.float64]  # real balls around each generated image, over k
    covered: NDArray[np.bool_]  # real images whose ball holds a generated image


def precision_recall(real: Features, generated: Features, k: int = 3) -> tuple[float, float]:
    """Return improved precision and recall of (N, D) features.

    Source: Kynkaanniemi et al. (2019), Improved Precision and Recall Metric for Generative Models.
    """
    scores = manifold_scores(real, generated, k_precision=k, k_density=k)
    return scores.precision, scores.recall


def density_coverage(real: Features, generated: Features, k: int = 5) -> tuple[float, float]:
    """Return density (1 for equal distributions, may exceed it) and coverage of (N, D) features.

    Source: Naeem et al. (2020), Reliable Fidelity and Diversity Metrics for Generative Models.
    """
    scores = manifold_scores(real, generated, k_precision=k, k_density=k)
    return scores.density, scores.coverage


def manifold_scores(
    real: Features, generated: Features, *, k_precision: int = 3, k_density: int = 5
) -> Manifold:
    """Return all four scores in one pass over the distances, as `prdc` counts them (`manifold_members`)."""
    members = manifold_members(real, generated, k_precision=k_precision, k_density=k_density)
    precise, recalled, dense, covered = (float(values.mean()) for values in members)
    return Manifold(precise, recalled, dense, covered)


def manifold_members(
    real: Features, generated: Features, *, k_precision: int = 3, k_density: int = 5
) -> Members:
    """Say of each image of (N, D) real and (N, D) generated features what the scores count.

    Both sets must have the same N (all four depend on N / M: take as many of each first), above both k.
    A point on a ball's edge is outside. Memory beyond the features: a single-precision copy of them
    and a few blocks of 1024 x 1024 distances.
    """
    check_features(at_least=max(k_precision, k_density) + 1, real=real, generated=generated)
    if len(real) != len(generated):
        raise UncomputableScoreError(
            f"equal numbers of images are needed, got {len(real)} real and {len(generated)} generated"
        )
    points, others = shadowed(real, generated)
    return _count(points, others, k_precision, k_density)


def _count(real: Points, generated: Points, k_precision: int, k_density: int) -> Members:
    radii, _ = nearest(real, None, rank=max(k_precision, k_density))  # (N, rank)
    for_precision, for_density = radii[:, k_precision - 1, None], radii[:, k_density - 1, None]  # (N, 1)
    for_recall = nearest(generated, None, rank=k_precision)[0][None, :, -1]  # (1, N)
    count = len(real)
    precise, recalled, covered = np.zeros((3, count), bool)
    balls = np.zeros(count, np.int64)
    for rows in blocks(count):
        for columns in blocks(count):
            bounds = lower_bounds(real, rows, generated, columns)
            inside = partial(pairs_inside, real, rows, generated, columns, bounds)
            precise[columns][inside(for_precision[rows])[1]] = True
            recalled[rows][inside(for_recall[:, columns])[0]] = True
            hit, by = inside(for_density[rows])
            covered[rows][hit] = True
            balls[columns] += np.bincount(by, minlength=balls[columns].size)
    return Members(precise, recalled, balls / k_density, covered)
