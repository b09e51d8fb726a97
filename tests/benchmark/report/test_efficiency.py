"""What a strategy is worth in images: Fieller's sets, crossings, and silence beyond the largest budget."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as some

from benchmark.report.comparing.data_efficiency import Equivalent, _equivalent, _gap_closed
from benchmark.report.comparing.fieller import ratio_sets
from benchmark.report.words.efficiency import gap_phrase
from benchmark.report.words.phrases import equivalent_sentences, images_phrase

BASELINE = {60: [5.0, 5.2, 5.1], 240: [4.0, 4.1, 4.2], 960: [3.0, 3.2, 3.1]}
FINITE = some.integers(-9999, 9999).map(lambda v: v / 1000)  # as far apart as scores are


def worth(scores: list[float], curve: dict[int, list[float]] = BASELINE) -> Equivalent:
    return _equivalent("digits", 60, "phased", scores, curve)


@given(some.lists(some.tuples(FINITE, FINITE), min_size=3, max_size=6), some.floats(-5, 5))
def test_a_ratio_is_kept_exactly_where_a_paired_t_test_does_not_reject_it(
    pairs: list[tuple[float, float]], ratio: float
) -> None:
    a, b = np.array(pairs).T
    remainder = a - ratio * b
    if remainder.std() < 1e-6 * (1 + np.abs(remainder).max()):
        return  # nothing varies: a t-test says nothing
    p = scipy.stats.ttest_1samp(remainder, 0.0).pvalue
    if abs(p - 0.05) > 1e-6:
        kept = any(low <= ratio <= high for low, high in ratio_sets(a.tolist(), b.tolist()))
        assert kept == (p > 0.05)


def test_the_interval_of_a_ratio_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    inside, trials = 0, 2000
    for _ in range(trials):
        b = generator.normal(2.0, 0.5, 3)
        a = 0.7 * b + generator.normal(0.0, 0.2, 3)
        inside += any(low <= 0.7 <= high for low, high in ratio_sets(a.tolist(), b.tolist()))
    low, high = scipy.stats.binom.interval(0.999, trials, 0.95)
    assert low <= inside <= high


def test_equivalent_worked_by_hand() -> None:
    # means 5.1 at 60 and 4.1 at 240: 4.6 is half way, and half way from 60 to 240 in log is 120
    found = worth([4.45, 4.7, 4.65])
    assert found.images == pytest.approx(120.0)
    assert 60 < found.low < 120 < found.high < 240
    assert (found.open_below, found.open_above, found.is_beyond, found.is_before) == (False,) * 4


def test_nothing_is_said_beyond_the_largest_budget() -> None:
    found = worth([2.0, 2.1, 2.2])
    assert (found.images, found.is_beyond, found.high, found.open_above) == (960, True, 960, True)
    assert images_phrase(found) == "≥ 960 [960, ≥ 960]"
    (sentence,) = equivalent_sentences([found], "none")
    assert "does better than `none` at any budget measured, up to 960" in sentence


def test_nothing_is_said_below_the_smallest_budget() -> None:
    found = worth([7.0, 7.1, 7.2])
    assert (found.images, found.is_before, found.low, found.open_below) == (60, True, 60, True)
    assert images_phrase(found) == "≤ 60 [≤ 60, 60]"
    assert equivalent_sentences([found], "none") == []


def test_a_score_the_seeds_do_not_settle_has_an_open_interval() -> None:
    found = worth([2.0, 5.0, 4.0])
    assert found.open_above
    assert found.open_below
    assert "[≤ 60, ≥ 960]" in images_phrase(found)


def test_the_first_crossing_is_taken_where_the_baseline_gets_worse_again() -> None:
    bent = {60: [5.0, 5.0], 240: [4.0, 4.0], 960: [4.4, 4.4]}
    assert worth([4.2, 4.2], bent).images < 240


def test_one_seed_gives_a_number_without_an_interval() -> None:
    found = worth([4.6], {60: [5.1], 240: [4.1]})
    assert found.images == pytest.approx(120.0)
    assert math.isnan(found.low)
    assert images_phrase(found) == "120 (one seed, no interval)"


def test_gap_closed_by_hand_and_without_a_gap() -> None:
    cell = ("digits", 60, "phased", 960)
    half = _gap_closed(cell, [1.0, 1.01, 0.99], [2.0, 2.0, 2.0])
    assert half.share == pytest.approx(0.5)
    # gaps do not vary: half the t-interval of 1.0, 4.302653 * 0.01 / sqrt(3) = 0.0248
    assert (half.low, half.high) == pytest.approx((0.4876, 0.5124), abs=1e-4)
    assert gap_phrase(half) == "50 % [49 %, 51 %]"
    assert "does not gain" in _gap_closed(cell, [1.0, 1.0], [-2.0, -2.1]).reason
    unsure = _gap_closed(cell, [1.0, 0.9, 1.1], [2.0, -1.0, 1.0])
    assert math.isnan(unsure.low)
    assert "the gap itself may be zero" in gap_phrase(unsure)
