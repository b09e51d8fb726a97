"""Copies are found, whatever the size of the sets."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.metrics.features import UncomputableScoreError
from benchmark.metrics.memorisation import nearest_index, nearest_training_ratio


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
    assert nearest_training_ratio(train, heldout, fresh) == pytest.approx(1, abs=0.05)
    assert nearest_training_ratio(train, heldout, train[::2]) == 0
    near = train + rng.normal(0, 0.05, train.shape).astype(np.float32)
    assert nearest_training_ratio(train, heldout, near) < 0.3


def test_the_ratio_ignores_scale_and_needs_a_distance():
    rng = np.random.default_rng(0)
    train, heldout, generated = rng.standard_normal((3, 100, 6)).astype(np.float32)
    ratio = nearest_training_ratio(train, heldout, generated)
    assert nearest_training_ratio(train * 8, heldout * 8, generated * 8) == pytest.approx(ratio, rel=1e-6)
    with pytest.raises(UncomputableScoreError, match="half of the held-out images"):
        nearest_training_ratio(train, train, generated)
    with pytest.raises(UncomputableScoreError, match="generated has 0 images"):
        nearest_training_ratio(train, heldout, generated[:0])
