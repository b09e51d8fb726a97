"""Copies are found, whatever the size of the sets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from benchmark.metrics.features import UncomputableScoreError
from benchmark.metrics.memorisation import (
    authentic_share,
    copying_statistic,
    mann_whitney_z,
    measure_nearness,
    nearest_index,
    training_ratio,
)


@pytest.mark.parametrize(("queries", "references"), [(1, 1), (30, 7), (1100, 2300), (2300, 3)])
def test_nearest_index_equals_the_whole_distance_matrix(queries, references):
    rng = np.random.default_rng(queries)
    x, y = rng.standard_normal((queries, 5)), rng.standard_normal((references, 5))
    expected = ((x[:, None] - y) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest_index(x.astype(np.float32), y.astype(np.float32)), expected)


def test_the_lowest_of_equal_references_is_taken():
    rng = np.random.default_rng(0)
    few = rng.standard_normal((4, 9)).astype(np.float32)
    which = rng.integers(0, 4, 1200)
    lowest = [int(np.flatnonzero(which == i)[0]) for i in range(4)]
    np.testing.assert_array_equal(nearest_index(few, few[which]), lowest)


def test_fresh_images_have_ratio_one_and_copies_none():
    rng = np.random.default_rng(0)
    train, heldout, fresh = rng.standard_normal((3, 1200, 6)).astype(np.float32)
    assert training_ratio(train, heldout, fresh) == pytest.approx(1, abs=0.05)
    assert training_ratio(train, heldout, train[::2]) == 0
    near = train + rng.normal(0, 0.05, train.shape).astype(np.float32)
    assert training_ratio(train, heldout, near) < 0.3


def test_the_ratio_ignores_scale_and_needs_a_distance():
    rng = np.random.default_rng(0)
    train, heldout, generated = rng.standard_normal((3, 100, 6)).astype(np.float32)
    ratio = training_ratio(train, heldout, generated)
    assert training_ratio(train * 8, heldout * 8, generated * 8) == pytest.approx(ratio, rel=1e-6)
    with pytest.raises(UncomputableScoreError, match="half of the held-out images"):
        training_ratio(train, train, generated)
    with pytest.raises(UncomputableScoreError, match="generated has 0 images"):
        training_ratio(train, heldout, generated[:0])


def test_authenticity_by_hand():
    # 1-d: training at 0, 1, 10; own nearest distances 1, 1, 9
    train = np.array([[0.0], [1], [10]])
    generated = np.array(
        [[0.5], [2.5], [3], [18], [20]]
    )  # 0.5 from 0; 1.5 from 1; 2 from 1; 8 and 10 from 10
    near = measure_nearness(train, train, generated)
    assert authentic_share(train, near).value == pytest.approx(
        3 / 5
    )  # 2.5, 3 and 20 are farther than 1, 1 and 9
    with pytest.raises(UncomputableScoreError, match="train has 1 images"):
        authentic_share(train[:1], near)


def test_authenticity_equals_the_whole_distance_matrix():
    """Oracle: dgm-eval's formula on full matrices."""
    rng = np.random.default_rng(0)
    train, generated = rng.standard_normal((70, 5)), rng.standard_normal((200, 5))
    own = cdist(train, train)
    np.fill_diagonal(own, np.inf)
    between = cdist(train, generated)
    expected = (own.min(0)[between.argmin(0)] < between.min(0)).mean()
    assert authentic_share(train, measure_nearness(train, train, generated)).value == expected


def test_the_mann_whitney_score_by_hand_and_against_scipy():
    # ours 1, 3; fresh 2, 4, 5: of the six pairs ours is larger in one
    assert mann_whitney_z(np.array([1.0, 3]), np.array([2.0, 4, 5])) == pytest.approx((1 - 2.5) / np.sqrt(3))
    rng = np.random.default_rng(0)
    ours, fresh = rng.integers(0, 20, 50).astype(float), rng.integers(2, 20, 80).astype(float)
    u = mannwhitneyu(ours, fresh, alternative="less").statistic
    expected = (u - (50 * 80 / 2 - 0.5)) / np.sqrt(50 * 80 * 131 / 12)
    assert mann_whitney_z(ours, fresh) == pytest.approx(expected)


def test_c_t_averages_the_cells_by_their_shares_of_held_out_images():
    """Oracle: the authors' definition, with three cells so far apart that k-means must find them."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0], [100, 0], [0, 100]])
    train, heldout, generated = (
        np.concatenate([c + s * rng.standard_normal((n, 2)) for c, n in zip(centres, counts, strict=True)])
        for counts, s in (((30, 40, 50), 1.0), ((20, 30, 50), 1.0), ((60, 40, 15), 0.5))
    )
    parts = [
        np.split(x, np.cumsum(n)[:-1])
        for x, n in ((train, (30, 40, 50)), (heldout, (20, 30, 50)), (generated, (60, 40, 15)))
    ]
    scores = []
    for own, fresh, ours in zip(*parts, strict=True):
        u = mannwhitneyu(cdist(ours, own).min(1), cdist(fresh, own).min(1), alternative="less").statistic
        n, m = len(fresh), len(ours)
        scores.append((u - n * m / 2 + 0.5) / np.sqrt(n * m * (n + m + 1) / 12))
    # the third cell holds 15 generated images, too few to count
    expected = (20 * scores[0] + 30 * scores[1]) / 50
    assert copying_statistic(train, heldout, generated) == pytest.approx(expected)
    assert expected < 0  # half as far out: nearer to the training images than fresh ones


def test_c_t_fires_on_copies_and_on_underfitting_and_needs_images():
    rng = np.random.default_rng(0)
    train, heldout, fresh = rng.standard_normal((3, 400, 100))
    assert abs(copying_statistic(train, heldout, fresh)) < 3
    assert copying_statistic(train, heldout, train + 0.1 * fresh) < -10
    assert copying_statistic(train, heldout, 2 * fresh) > 10
    with pytest.raises(
        UncomputableScoreError, match="no cell of the training images holds more than 20 of 9"
    ):
        copying_statistic(train, heldout, fresh[:9])
    with pytest.raises(UncomputableScoreError, match="train has 2 images, at least 3"):
        copying_statistic(train[:2], heldout, fresh)
