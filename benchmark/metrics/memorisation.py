"""Are generated images copies of training images?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmark.metrics.features import Features, UncomputableScoreError, check_features
from benchmark.metrics.intervals import Scored, mean_scored, ratio_of_medians
from benchmark.metrics.neighbours import nearest
from benchmark.metrics.points import Indices, shadowed

CELLS = 3  # of the training features, for C_T
COMPONENTS = 64  # features C_T looks at, at the most
LEAST_IN_CELL = 20  # generated images; a cell with no more is left out of C_T


@dataclass(frozen=True)
class Nearness:
    """How far held-out and generated images are from their nearest training image, and which that is."""

    heldout: Features  # (N,) distances
    generated: Features  # (M,)
    index: Indices  # (M,) of the training image nearest to each generated one


def measure_nearness(train: Features, heldout: Features, generated: Features) -> Nearness:
    """Find the training images (T, D) nearest to held-out (N, D) and generated (M, D) ones."""
    check_features(at_least=1, train=train, heldout=heldout, generated=generated)
    (near_heldout, _), (near_generated, index) = (
        nearest(*shadowed(images, train)) for images in (heldout, generated)
    )
    return Nearness(near_heldout[:, 0], near_generated[:, 0], index[:, 0])


def nearest_index(queries: Features, references: Features) -> Indices:
    """Return the index (N,) of every query's nearest reference; the lowest of equally near ones."""
    check_features(at_least=1, queries=queries, references=references)
    points, others = shadowed(queries, references)
    return nearest(points, others)[1][:, 0]


def nearest_training_ratio(train: Features, heldout: Features, generated: Features) -> float:
    """Return how near generated images come to training images, in units of fresh real images.

    The median distance from a generated image to its nearest training image over that of the held-out
    images: 1 = as far as fresh real images, well below 1 = copying. Features (T, D), (N, D), (M, D).
    """
    return distance_ratio(measure_nearness(train, heldout, generated)).value


def distance_ratio(near: Nearness) -> Scored:
    """Return the nearest-training ratio with its interval."""
    if np.median(near.heldout) == 0:
        raise UncomputableScoreError("at least half of the held-out images equal a training image")
    return ratio_of_medians(near.generated, near.heldout)


def authenticity(train: Features, near: Nearness) -> Scored:
    """Return the share of generated images that are no near copies: copies have 0, fresh ones about a half.

    Authentic is what is farther from its nearest training image than that one from its own nearest.

    Source: Alaa et al. (2022), How Faithful is your Synthetic Data? (2102.08921), as dgm-eval computes it
    ("AuthPct", in per cent there).
    """
    if len(train) < 2:
        raise UncomputableScoreError(f"train has {len(train)} images, at least 2 are needed")
    (points,) = shadowed(train)
    own = nearest(points, None)[0][:, 0]  # (T,)
    return mean_scored(near.generated > own[near.index])


def copying_z(train: Features, heldout: Features, generated: Features, *, seed: int = 0) -> float:
    """Return C_T: are generated images nearer to training images than held-out ones are? In standard errors.

    The training features (at most 64 principal components of them) are cut into three cells by k-means; in
    each the distances to the cell's nearest training image are compared by a Mann-Whitney test, with
    continuity correction, and the z-scores are averaged with the cells' shares of the held-out images. Far
    below 0: copying; far above 0: too far away (underfitted).
    Source: Meehan, Chaudhuri, Dasgupta (2020), A Non-Parametric Test to Detect Data-Copying in Generative
    Models (2004.05675); cells, components and least count as in dgm-eval.
    """
    check_features(at_least=1, train=train, heldout=heldout, generated=generated)
    if len(train) < CELLS:
        raise UncomputableScoreError(f"train has {len(train)} images, at least {CELLS} are needed")
    if (train == train[0]).all():
        raise UncomputableScoreError(f"the {len(train)} training images all look the same to the extractor")
    sets = _reduced(train, heldout, generated)
    cells = _cells(*sets, seed=seed)
    total = weight = 0.0
    for cell in range(CELLS):
        own, fresh, ours = (x[c == cell] for x, c in zip(sets, cells, strict=True))
        if len(ours) <= LEAST_IN_CELL or not len(fresh):
            continue
        near = measure_nearness(own, fresh, ours)
        total += len(fresh) * mann_whitney_z(near.generated, near.heldout)
        weight += len(fresh)
    if not weight:
        raise UncomputableScoreError(
            f"no cell of the training images holds more than {LEAST_IN_CELL} of {len(generated)} "
            "generated images"
        )
    return total / weight


def mann_whitney_z(ours: NDArray[np.floating], fresh: NDArray[np.floating]) -> float:
    """Return the z-score of the Mann-Whitney U of distances (M,) against (N,): below 0 for smaller ones."""
    m, n = len(ours), len(fresh)
    ranks = rankdata(np.concatenate([ours, fresh]))
    u = ranks[:m].sum() - m * (m + 1) / 2  # pairs in which ours is larger; ties count one half
    return float((u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12))


def _reduced(*sets: Features) -> list[Features]:
    """Return the sets on at most 64 principal components of the first."""
    train = sets[0].astype(np.float64)
    if train.shape[1] <= COMPONENTS:
        return [x.astype(np.float64) for x in sets]
    centre = train.mean(axis=0)
    centred = train - centre
    if len(train) <= train.shape[1]:
        components = np.linalg.svd(centred, full_matrices=False)[2][:COMPONENTS].T
    else:
        components = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :COMPONENTS]
    return [(x - centre) @ components for x in sets]


def _cells(train: Features, *others: Features, seed: int) -> list[NDArray[np.int32]]:
    """Return the cell of every image of every set."""
    from sklearn.cluster import KMeans  # takes half a second to import

    means = KMeans(CELLS, n_init=10, random_state=seed).fit(train)
    return [means.labels_, *(means.predict(x) for x in others)]
