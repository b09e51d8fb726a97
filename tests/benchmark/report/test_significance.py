"""Tests without distributions, their correction, ranks and resampling, against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as some

from benchmark.report.comparing.resampling import bca_interval, bootstrap_interval, bootstrap_t_interval
from benchmark.report.comparing.significance import _ranks, holm, least_p, seeds_for_level, sign_flip_p

NUMBERS = some.lists(some.floats(-100, 100, allow_subnormal=False), min_size=1, max_size=9)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 11])
def test_sign_flip_is_scipys_permutation_test(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1.0, n)
    expected = scipy.stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**n)
    assert sign_flip_p(values.tolist()) == pytest.approx(expected.pvalue)


def test_sign_flip_worked_by_hand() -> None:
    # 3, 2, -1 sum to 4; of the sums 6 4 2 0 and their negatives, four are at least 4 in size
    assert sign_flip_p([3.0, 2.0, -1.0]) == 4 / 8
    assert sign_flip_p([0.5, 0.2, 0.1]) == 0.25 == least_p(3)
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert math.isnan(sign_flip_p([]))


def test_drawn_flips_agree_with_the_exact_test() -> None:
    values = np.random.default_rng(3).normal(0.5, 1.0, 18)
    rows = 2.0 * (np.arange(2**18)[:, None] >> np.arange(18) & 1) - 1.0
    exact = float((np.abs(rows @ values) >= abs(values.sum()) - 1e-9).mean())
    error = math.sqrt(exact * (1 - exact) / 20_000)
    assert sign_flip_p(values.tolist()) == pytest.approx(exact, abs=4 * error)


def test_three_seeds_cannot_earn_a_star_and_six_can() -> None:
    assert [least_p(n) for n in (1, 2, 3, 6)] == [1.0, 0.5, 0.25, 0.03125]
    assert seeds_for_level(1) == 6
    assert seeds_for_level(12) == 9  # 2 / 2^9 * 12 = 0.047


def test_holm_worked_by_hand() -> None:
    # sorted 0.005 0.01 0.03 0.04 times 4 3 2 1; the last may not fall below the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.5]) == [0.8, 0.8]
    assert math.isnan(holm([math.nan, 0.02])[0])
    assert holm([math.nan, 0.02])[1] == 0.02


def test_ranks_are_scipys() -> None:
    values = [3.0, 1.0, 2.0, 1.0]
    assert _ranks(values, best_is_low=True) == scipy.stats.rankdata(values).tolist()
    assert _ranks(values, best_is_low=False) == scipy.stats.rankdata([-v for v in values]).tolist()


@pytest.mark.parametrize("n", [8, 20])
def test_bootstrap_intervals_are_scipys(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, 1.0, n)
    for ours, method in ((bootstrap_interval, "percentile"), (bca_interval, "BCa")):
        expected = scipy.stats.bootstrap(
            (values,), np.mean, method=method, n_resamples=40_000, rng=np.random.default_rng(0)
        ).confidence_interval
        width = expected.high - expected.low
        assert ours(values.tolist()) == pytest.approx((expected.low, expected.high), abs=0.03 * width)


def test_percentile_interval_of_three_is_that_of_all_27_resamples() -> None:
    resamples = [(a + b + c) / 3 for a in (1, 2, 6) for b in (1, 2, 6) for c in (1, 2, 6)]
    assert bootstrap_interval([1.0, 2.0, 6.0]) == pytest.approx(tuple(np.quantile(resamples, [0.025, 0.975])))


def test_studentised_interval_is_wider_on_the_side_of_the_tail() -> None:
    values = [0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.9, 2.5, 0.15, 0.35]
    low, high = bootstrap_t_interval(values)
    mean = sum(values) / len(values)
    assert low < mean < high
    assert high - mean > 1.5 * (mean - low)


@given(NUMBERS)
def test_no_statistic_depends_on_the_order_of_seeds(values: list[float]) -> None:
    for statistic in (sign_flip_p, bootstrap_interval, bca_interval, bootstrap_t_interval):
        assert repr(statistic(values)) == repr(statistic(values[::-1]))


@given(NUMBERS)
def test_sign_flip_does_not_depend_on_sign_or_unit(values: list[float]) -> None:
    p = sign_flip_p(values)
    assert least_p(len(values)) <= p <= 1.0
    assert sign_flip_p([-value for value in values]) == p
    assert sign_flip_p([1024.0 * value for value in values]) == p


@given(some.lists(some.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]) -> None:
    corrected = holm(values)
    assert all(p <= c <= 1.0 for p, c in zip(values, corrected, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [corrected[i] for i in order] == sorted(corrected)
