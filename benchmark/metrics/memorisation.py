"""Are generated images copies of training images?"""

from __future__ import annotations

import numpy as np

from benchmark.metrics.features import Features, UncomputableScoreError, check_features
from benchmark.metrics.neighbours import nearest
from benchmark.metrics.points import Indices, prepare


def nearest_index(queries: Features, references: Features) -> Indices:
    """Return the index (N,) of every query's nearest reference; the lowest of equally near ones."""
    check_features(at_least=1, queries=queries, references=references)
    points, others = prepare(queries, references)
    return nearest(points, others)[1][:, 0]


def nearest_training_ratio(train: Features, heldout: Features, generated: Features) -> float:
    """Return how near generated images come to training images, in units of fresh real images.

    The median distance from a generated image to its nearest training image over that of the held-out
    images: 1 = as far as fresh real images, well below 1 = copying. Features (T, D), (N, D), (M, D).
    """
    check_features(at_least=1, train=train, heldout=heldout, generated=generated)
    fresh, ours = (_median_distance(images, train) for images in (heldout, generated))
    if fresh == 0:
        raise UncomputableScoreError("at least half of the held-out images equal a training image")
    return ours / fresh


def _median_distance(queries: Features, references: Features) -> float:
    points, others = prepare(queries, references)
    return float(np.median(nearest(points, others)[0]))
