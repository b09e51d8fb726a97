"""Frechet and kernel distance equal clean-fid's and torch-fidelity's, and refuse what has no value."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from cleanfid import fid as clean_fid
from torch_fidelity import metric_fid, metric_kid

from benchmark.metrics import distances
from benchmark.metrics.distances import frechet_distance, kernel_distance
from benchmark.metrics.features import UncomputableScoreError


def two_sets(count: int, dimension: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw correlated features with a falling spectrum, as networks give, and a shifted second set."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((dimension, dimension)) * np.arange(1, dimension + 1) ** -0.7
    real, other = rng.standard_normal((2, count, dimension)) @ mixing.T
    return real, 0.9 * other + 0.2


def clean_frechet(real: np.ndarray, generated: np.ndarray) -> float:
    sets = [x.astype(np.float64) for x in (real, generated)]
    return clean_fid.frechet_distance(*(s for x in sets for s in (x.mean(0), np.cov(x, rowvar=False))))


@pytest.mark.parametrize(("count", "dimension"), [(400, 64), (300, 192), (60, 100), (2, 5), (500, 2)])
def test_frechet_distance_equals_clean_fid(count, dimension):
    real, generated = two_sets(count, dimension)
    expected = clean_frechet(real, generated)
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(generated[: count // 2 + 2], real) == pytest.approx(
        clean_frechet(generated[: count // 2 + 2], real), rel=1e-6
    )


def test_frechet_distance_equals_torch_fidelity():
    real, generated = two_sets(300, 64)
    statistics = [{"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)} for x in (real, generated)]
    expected = metric_fid.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_takes_no_matrix_square_root(monkeypatch):
    monkeypatch.setattr(scipy.linalg, "sqrtm", None)
    assert frechet_distance(*two_sets(50, 8)) > 0


@pytest.mark.parametrize(("count", "dimension"), [(300, 40), (30, 40)])
def test_frechet_distance_of_a_set_to_itself_is_zero_and_grows_by_the_squared_shift(count, dimension):
    real, _ = two_sets(count, dimension)
    size = np.trace(np.cov(real, rowvar=False))
    assert frechet_distance(real, real[::-1]) == pytest.approx(0, abs=1e-9 * size)
    assert frechet_distance(real, real + 0.5) == pytest.approx(0.25 * dimension, rel=1e-9)


def test_frechet_distance_survives_dead_features():
    real, generated = two_sets(300, 40)
    dead = np.zeros((300, 10))
    padded = [np.concatenate([x, dead, x[:, :5]], axis=1) for x in (real, generated)]
    assert frechet_distance(*padded) == pytest.approx(clean_frechet(*padded), rel=1e-6)


@pytest.mark.parametrize(("count", "dimension"), [(300, 100), (80, 100)])
def test_both_ways_to_the_nuclear_norm_agree(monkeypatch, count, dimension):
    real, generated = two_sets(count, dimension)
    expected = frechet_distance(real, generated)
    monkeypatch.setattr(distances, "SVD_UP_TO", 0)
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-7)


def test_kernel_distance_equals_clean_fid_and_torch_fidelity_within_one_subset():
    real, generated = two_sets(120, 30)
    ours = kernel_distance(real, generated)
    assert ours == pytest.approx(clean_fid.kernel_distance(real, generated, num_subsets=2), rel=1e-9)
    options = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    theirs = metric_kid.kernel_mmd(real, generated, **options, kid_kernel_poly_coef0=1)
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_kernel_distance_over_subsets_is_seeded_and_near_the_whole():
    real, generated = two_sets(400, 10)
    whole = kernel_distance(real, generated)
    some = kernel_distance(real, generated, subset_size=200, seed=3)
    assert some == kernel_distance(real, generated, subset_size=200, seed=3)
    assert some != kernel_distance(real, generated, subset_size=200, seed=4)
    assert some == pytest.approx(whole, rel=0.2)
    assert kernel_distance(real, generated[:200]) == pytest.approx(whole, rel=0.5)  # unequal numbers


def test_kernel_distance_leaves_the_global_generator_alone():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    kernel_distance(*two_sets(50, 3), subset_size=10)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_kernel_distance_is_unbiased():
    rng = np.random.default_rng(0)
    draws = [kernel_distance(*rng.standard_normal((2, 50, 8))) for _ in range(200)]
    assert min(draws) < 0
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(len(draws))


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_features_without_a_distance_are_refused(distance):
    real, generated = two_sets(20, 4)
    broken = generated.copy()
    broken[3, 2] = np.nan
    with pytest.raises(UncomputableScoreError, match="generated features are not finite in 1 of 20"):
        distance(real, broken)
    with pytest.raises(UncomputableScoreError, match="real has 1 images, at least 2"):
        distance(real[:1], generated)
    with pytest.raises(UncomputableScoreError, match=r"dimensions differ: \{'real': 4, 'generated': 3\}"):
        distance(real, generated[:, :3])
    with pytest.raises(UncomputableScoreError, match="shape"):
        distance(real, generated[0])
