"""How many seeds an effect needs, and the committed calibration of everything it rests on."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from rich.console import Console
from typer.testing import CliRunner

from benchmark.cli import app
from benchmark.errors import UserError
from benchmark.report.calibration import measure as calibration
from benchmark.report.calibration.page import calibration_text, read_seeds
from benchmark.report.comparing.comparison import SuiteComparison, compare
from benchmark.report.comparing.power import Need, needs, power_of, print_needs, seeds_needed
from benchmark.report.reading.loading import load_records

CALIBRATION = Path(__file__).parents[3] / "reports" / "calibration"


def published(runs: Path) -> SuiteComparison:
    return compare(load_records(runs / "suites" / "limited_data.json", runs))


@pytest.mark.parametrize(("n", "effect"), [(3, 1.0), (5, 3.0), (10, 0.9), (34, 0.5)])
def test_power_is_that_of_scipys_noncentral_t(n: int, effect: float) -> None:
    bound, shift = scipy.stats.t.ppf(0.975, n - 1), effect * math.sqrt(n)
    expected = scipy.stats.nct.sf(bound, n - 1, shift) + scipy.stats.nct.cdf(-bound, n - 1, shift)
    assert power_of(n, effect) == pytest.approx(expected, abs=1e-4)


def test_seeds_of_the_textbook() -> None:
    # Cohen (1988): a paired t-test finds half a standard deviation with 34 pairs in 80 of 100 cases
    assert seeds_needed(0.5, 0.8) == 34
    assert power_of(33, 0.5) < 0.8 <= power_of(34, 0.5)
    assert seeds_needed(1e-6, 0.8) is None
    assert seeds_needed(math.inf, 0.8) == 2


def test_needs_of_a_suite_worked_by_hand(published_runs: Path) -> None:
    found = {
        (need.budget, need.strategy): need
        for need in needs(published(published_runs), "bpd_heldout", "1%", 0.8)
    }
    need = found[60, "phased"]
    assert len(found) == 12
    assert need.effect == pytest.approx(0.01 * 5.442, abs=1e-4)
    # the published interval is mean -1.425 [-1.515, -1.336] at three pairs: SD = 0.0895 / 4.303 * sqrt(3)
    assert need.spread == pytest.approx(0.0360, abs=2e-4)
    assert need.spread_high == pytest.approx(
        need.spread * math.sqrt(2 / scipy.stats.chi2.ppf(0.025, 2)), rel=1e-6
    )
    assert need.seeds == seeds_needed(need.effect / need.spread, 0.8)
    assert need.seeds_for_star is not None
    assert need.seeds_for_star >= 9  # twelve comparisons: no fewer pairs can earn a star


def test_a_size_is_taken_as_it_stands(published_runs: Path) -> None:
    assert needs(published(published_runs), "bpd_heldout", "0.05", 0.8)[0].effect == 0.05


@pytest.mark.parametrize("effect", ["ten", "0", "-3%", "nan"])
def test_an_effect_that_is_no_size_is_refused(published_runs: Path, effect: str) -> None:
    with pytest.raises(UserError, match="--effect is"):
        needs(published(published_runs), "bpd_heldout", effect, 0.8)


def test_an_unknown_score_says_which_there_are(published_runs: Path) -> None:
    with pytest.raises(UserError, match="three pairs") as caught:
        needs(published(published_runs), "bdp", "10%", 0.8)
    assert "bpd_heldout" in caught.value.hint


def test_the_command_prints_every_comparison_within_eighty_columns(published_runs: Path) -> None:
    result = CliRunner().invoke(
        app, ["power", "limited_data", "--effect", "1%", "--runs", str(published_runs)]
    )
    assert result.exit_code == 0, result.output
    assert result.output.count("phased") == 3
    stream = io.StringIO()
    print_needs(
        [Need("d", 60, "s", 3, 0.1, 0.6, 0.05, None, 4, 9)], "fid", 0.8, Console(file=stream, width=80)
    )
    assert "> 1000" in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_binomial_range_is_scipys() -> None:
    for tries, share in ((200, 0.05), (1000, 0.95), (200, 0.0), (1000, 0.4)):
        expected = scipy.stats.binom.interval(0.95, tries, share)
        assert calibration.binomial_range(tries, share) == pytest.approx(expected)


def test_the_committed_calibration_is_what_its_seeds_give() -> None:
    """Recompute the cheap rows; the others take the same paths a thousand times."""
    seeds = read_seeds(CALIBRATION / "seeds.csv")
    with (CALIBRATION / "table.csv").open() as stream:
        table = list(csv.DictReader(stream))
    committed = {(r["question"], r["score"], r["method"], int(r["pairs"])): int(r["found"]) for r in table}
    for score in seeds:
        rows = [
            row
            for n in calibration.PAIRS
            for row in calibration.no_difference(score, seeds[score]["none"], n)
        ]
        rows.append(calibration.family_of_none(score, seeds[score]["none"]))
        for row in rows:
            assert committed[row.question, row.score, row.method, row.pairs] == row.found


def test_the_committed_page_says_what_its_table_says() -> None:
    with (CALIBRATION / "table.csv").open() as stream:
        table = list(csv.DictReader(stream))
    rows = [
        calibration.MeasuredShare(
            r["question"],
            r["score"],
            r["method"],
            int(r["pairs"]),
            r["detail"],
            int(r["found"]),
            int(r["tries"]),
            float(r["expected"]),
        )
        for r in table
    ]
    page = (CALIBRATION / "README.md").read_text()
    fresh = calibration_text(rows, read_seeds(CALIBRATION / "seeds.csv"))
    assert page.split("## None against itself")[0] == fresh.split("## None against itself")[0]


def test_a_method_that_finds_too_much_is_caught() -> None:
    """The calibration can fail: intervals of half the width find differences that are not there."""
    generator = np.random.default_rng(0)
    found = sum(
        abs(sample.mean()) > 0.5 * 2.262 * sample.std(ddof=1) / math.sqrt(10)
        for sample in generator.normal(size=(200, 10))
    )
    assert not calibration.MeasuredShare("A/A: found", "", "", 10, "", int(found), 200, 0.05).is_as_expected
