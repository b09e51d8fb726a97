"""Intervals are as wide as the spread of fresh draws, and FID at infinity is free of its bias."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.metrics import distances
from benchmark.metrics.distances import (
    fit_gaussian,
    frechet_between,
    frechet_distance,
    frechet_estimate,
    kernel_distance,
    kernel_estimate,
)
from benchmark.metrics.extrapolation import extrapolated_frechet
from benchmark.metrics.features import UncomputableScoreError
from benchmark.metrics.intervals import NORMAL_95, Estimate, mean_scored, ratio_of_medians, weighted_sum

DIMENSION, COUNT = 16, 200
SPREAD = np.arange(1, DIMENSION + 1) ** -0.5


def draw(seed: int, shift: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw two sets whose squared Frechet distance is known: see `truth`."""
    rng = np.random.default_rng(seed)
    real, other = rng.standard_normal((2, COUNT, DIMENSION))
    return real * SPREAD, (other * scale + shift) * SPREAD


def truth(shift: float, scale: float = 1.0) -> float:
    return float((shift**2 + (scale - 1) ** 2) * np.square(SPREAD).sum())


def frechet(real: np.ndarray, generated: np.ndarray) -> Estimate:
    return frechet_estimate(fit_gaussian(real), fit_gaussian(generated))


@pytest.mark.parametrize("estimate", [frechet, extrapolated_frechet, kernel_estimate])
@pytest.mark.parametrize(("shift", "scale"), [(0.3, 1.0), (0.0, 1.3), (0.0, 1.0)])
def test_intervals_are_as_wide_as_the_spread_of_fresh_draws(estimate, shift, scale):
    drawn = [estimate(*draw(seed, shift, scale)) for seed in range(60)]
    spread = np.std([e.value for e in drawn])
    widths = [e.interval() for e in drawn]
    claimed = np.mean([(w.high - w.low) / (2 * NORMAL_95) for w in widths])
    # where the sets are alike the linear part is not all there is: wider, never narrower
    assert 0.8 * spread < claimed < 1.6 * spread


@pytest.mark.parametrize(("count", "dimension"), [(40, 7), (12, 30)])
def test_an_influence_is_the_derivative_by_an_images_weight(count, dimension):
    """Oracle: weighted moments, differentiated numerically."""
    rng = np.random.default_rng(0)
    real, generated = (
        rng.standard_normal((count, dimension)),
        1.3 * rng.standard_normal((count, dimension)) + 0.4,
    )

    def weighted(weights: np.ndarray) -> float:
        weights = weights / weights.sum()
        mean = weights @ generated
        points = (generated - mean) * np.sqrt(weights * count / (count - 1))[:, None]
        return frechet_between(fit_gaussian(real), distances.Gaussian(mean, points, points.T @ points))

    step = 1e-5
    for image in (0, 3):
        up, down = np.ones(count), np.ones(count)
        up[image] += step
        down[image] -= step
        numeric = (weighted(up) - weighted(down)) / (2 * step)
        assert frechet(real, generated).influences["generated"][image] == pytest.approx(
            numeric, rel=1e-3, abs=1e-6
        )
    np.testing.assert_allclose(
        frechet(real, generated).influences["heldout"],
        frechet(generated, real).influences["generated"],
        atol=1e-6,
    )


def test_values_are_those_of_the_plain_distances_either_way(monkeypatch):
    real, generated = draw(0, 0.2)
    before = frechet(real, generated)
    assert before.value == pytest.approx(frechet_distance(real, generated), rel=1e-12)
    assert kernel_estimate(real, generated).value == kernel_distance(real, generated)
    monkeypatch.setattr(distances, "SVD_UP_TO", 0)
    after = frechet(real, generated)
    assert after.value == pytest.approx(before.value, rel=1e-7)
    for name in ("heldout", "generated"):
        np.testing.assert_allclose(after.influences[name], before.influences[name], atol=1e-7)


def test_fid_at_infinity_has_no_bias_where_fid_has_much():
    for shift, scale in ((0.3, 1.0), (0.0, 1.0), (0.0, 1.3)):
        sets = [draw(seed, shift, scale) for seed in range(60)]
        plain = np.array([frechet_distance(*pair) for pair in sets])
        infinite = np.array([extrapolated_frechet(*pair).value for pair in sets])
        error = infinite.std() / np.sqrt(len(sets))
        assert plain.mean() - truth(shift, scale) > 10 * plain.std() / np.sqrt(len(sets))
        assert abs(infinite.mean() - truth(shift, scale)) < 4 * error


def test_fid_at_infinity_is_refused_where_its_line_is_not_one():
    real, generated = draw(0, 0)
    with pytest.raises(UncomputableScoreError, match="99 images, at least 100 are needed for 16 features"):
        extrapolated_frechet(real[:99], generated[:99])
    wide = np.random.default_rng(0).standard_normal((2, 300, 200))
    with pytest.raises(UncomputableScoreError, match="300 images, at least 400 are needed for 200 features"):
        extrapolated_frechet(*wide)


def test_kid_in_single_precision_is_the_same_where_it_is_used():
    rng = np.random.default_rng(0)
    real, generated = (rng.random((2, 2500, 64)) ** 2).astype(np.float32)
    doubled = kernel_distance(real.astype(np.float64), generated.astype(np.float64))
    assert kernel_distance(real, generated) == pytest.approx(doubled, abs=1e-8)
    large = kernel_distance(100 * real, 100 * generated)  # too large for single precision
    doubled = kernel_distance(100.0 * real.astype(np.float64), 100.0 * generated.astype(np.float64))
    assert large == pytest.approx(doubled, rel=1e-4)


def test_influences_of_shared_images_cancel_in_a_difference():
    real, generated = draw(1, 0.3)
    one, other = frechet(real, generated), frechet(real, generated)
    nothing = weighted_sum([(1, one), (-1, other)]).interval()
    assert (nothing.value, nothing.low, nothing.high) == pytest.approx((0, 0, 0), abs=1e-12)
    padded = weighted_sum(
        [(1, Estimate(1.0, {"a": np.array([1.0, -1.0])})), (2, Estimate(2.0, {"a": np.ones(3)}))]
    )
    assert padded.value == 5
    np.testing.assert_array_equal(padded.influences["a"], [3, 1, 2])


def test_the_bootstrap_of_a_mean_is_the_binomial_spread():
    values = np.arange(400) % 4 == 0
    scored = mean_scored(values)
    assert scored.value == 0.25
    reach = NORMAL_95 * np.sqrt(0.25 * 0.75 / 400)
    assert scored.low == pytest.approx(0.25 - reach, abs=0.006)
    assert scored.high == pytest.approx(0.25 + reach, abs=0.006)
    assert mean_scored(values) == scored
    many = mean_scored(np.arange(20_000) % 4 == 0, scale=2.0)
    reach = 2 * NORMAL_95 * np.sqrt(0.25 * 0.75 / 20_000)
    assert (many.value, many.low, many.high) == pytest.approx((0.5, 0.5 - reach, 0.5 + reach))


def test_the_bootstrap_of_a_ratio_of_medians_covers_it_as_often_as_it_says():
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        scored = ratio_of_medians(rng.exponential(2, 150), rng.exponential(1, 150))
        hits += scored.low <= 2 <= scored.high
    assert 88 <= hits <= 100
    assert ratio_of_medians(np.ones(5), np.array([0.0, 0, 1, 1, 1])).low is None  # some draws divide by 0
