"""The report's numbers: means, Student-t intervals, paired differences, and how they are written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from benchmark.report.comparing.comparison import compare
from benchmark.report.comparing.means import MeanOverSeeds, by_seed, estimate, paired_difference
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.scores import numeric_keys, plugin_keys
from benchmark.report.words.formatting import (
    decimals_for,
    decimals_of_differences,
    difference_phrase,
    interval,
    listed,
    mean_phrase,
    number_text,
    shortened,
    spread,
)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_interval_is_scipys_student_interval(n: int) -> None:
    values = np.random.default_rng(n).normal(3.0, 0.5, n)
    low, high = scipy.stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    found = estimate(values.tolist())
    assert found.n == n
    assert (found.mean, found.low, found.high) == pytest.approx((values.mean(), low, high))


def test_interval_worked_by_hand() -> None:
    # 1, 2, 3: mean 2, deviation 1, standard error 1/sqrt(3); t(0.975; 2) = 4.302653 in any printed table
    found = estimate([3.0, 1.0, 2.0])
    assert found.mean == 2.0
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)


def test_paired_interval_is_that_of_a_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    theirs = generator.normal(2.0, 0.3, 6)
    ours = theirs - 0.1 + generator.normal(0.0, 0.02, 6)
    expected = scipy.stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    found = paired_difference(dict(enumerate(ours)), dict(enumerate(theirs)))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.left_out == 0
    assert found.side_of_zero == "below"


def test_pairing_removes_what_the_seeds_share() -> None:
    theirs = {0: 1.0, 1: 2.0, 2: 4.0}
    ours = {seed: value - 0.5 for seed, value in theirs.items()}
    found = paired_difference(ours, theirs)
    assert (found.mean, found.low, found.high) == (-0.5, -0.5, -0.5)


def test_missing_pairs_leave_both_arms_and_are_counted() -> None:
    found = paired_difference({0: 1.0, 1: 2.0, 3: 100.0}, {0: 2.0, 1: 3.0, 2: -100.0}, planned=range(5))
    assert (found.n, found.mean, found.left_out) == (2, -1.0, 3)


def test_no_interval_from_one_value_and_nothing_from_none() -> None:
    one, none = estimate([2.5]), estimate([])
    assert (one.n, one.mean, one.has_interval, one.side_of_zero) == (1, 2.5, False, "unknown")
    assert math.isnan(one.low)
    assert none.n == 0
    assert math.isnan(none.mean)


def test_order_does_not_change_a_bit() -> None:
    values = np.random.default_rng(1).normal(0, 1e6, 50).tolist()
    assert estimate(values) == estimate(values[::-1])


@pytest.mark.parametrize(
    ("values", "side"),
    [([1.0, 1.1, 0.9], "above"), ([-1.0, -3.0], "around"), ([-1.0, -1.01], "below"), ([0.0, 0.0], "around")],
)
def test_side_of_zero(values: list[float], side: str) -> None:
    assert estimate(values).side_of_zero == side


def test_numeric_keys_take_numbers_only_and_keep_plugins() -> None:
    records: list[dict[str, Any]] = [
        {"bpd_heldout": 2.0, "fid": None, "kid": math.nan, "codes_shared": True, "samples": 500, "seed": 0},
        {"bpd_heldout": 2.0, "zeta": 3, "alpha": 0.5, "device": "cpu", "curve_step": [1, 2]},
    ]
    keys = numeric_keys(records)
    assert keys == ("bpd_heldout", "alpha", "zeta")
    assert plugin_keys(keys) == ["alpha", "zeta"]


def test_numbers_are_never_written_without_their_n() -> None:
    found = MeanOverSeeds(3, -0.25, -0.28, -0.22)
    assert difference_phrase(found, 3) == "−0.250 [−0.280, −0.220] (3 pairs)"
    assert difference_phrase(MeanOverSeeds(1, -0.25), 3) == "−0.250 (1 pair, no interval)"
    assert difference_phrase(MeanOverSeeds(), 3) == "no pairs"
    assert mean_phrase(MeanOverSeeds(3, 2.0, 1.5, 2.5), 2) == "2.00 ± 0.50 (n = 3)"
    assert mean_phrase(MeanOverSeeds(1, 2.0), 2) == "2.00 (n = 1, no interval)"


def test_rounding_never_moves_an_interval_onto_zero() -> None:
    close = MeanOverSeeds(3, -0.0005, -0.0009, -0.00004)
    decimals = decimals_of_differences([close, MeanOverSeeds(3, -1.0, -1.2, -0.8)])
    assert interval(close, decimals) == "−0.00050 [−0.00090, −0.00004]"
    assert number_text(-0.00001, 3, signed=True) == "0.000"


def test_decimals_follow_the_column() -> None:
    assert decimals_for([MeanOverSeeds(3, 120.0), MeanOverSeeds(3, 95.0)], "fid") == 0
    assert decimals_for([MeanOverSeeds(3, 0.074), MeanOverSeeds(3, 0.38)], "fid") == 3
    assert decimals_for([MeanOverSeeds(3, 2.3)], "bpd_heldout") == 3
    assert decimals_for([MeanOverSeeds()], "bpd_heldout") == 3


def test_words() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [spread(counts) for counts in ([], [3, 3], [3, 1])] == ["0", "3", "1 to 3"]
    assert shortened("short") == "short"
    assert len(shortened("a" * 60, 24)) == 24


def test_a_comparison_read_once_is_what_its_records_say_one_by_one(published_runs: Path) -> None:
    suite = load_records(published_runs / "suites" / "limited_data.json", published_runs)
    comparison = compare(suite)
    assert len(comparison.cells) == 15
    for cell in comparison.cells:
        done = suite.done(cell.dataset, cell.budget, cell.strategy)
        base = suite.done(cell.dataset, cell.budget, "none")
        for key in comparison.metrics:
            ours, theirs = by_seed(done, key), by_seed(base, key)
            assert cell.score(key) == estimate(ours.values())
            assert comparison.numbers(cell.dataset, cell.budget, cell.strategy, key) == ours
            if cell.strategy != "none":
                assert cell.difference(key) == paired_difference(ours, theirs, ours.keys() | theirs.keys())
