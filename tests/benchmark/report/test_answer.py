"""What a report says: statistics, the answer, cautions, and what records cannot show."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from made_records import NOISE, Record, compared, only, readme_of, rows_of, write_suite


def test_table_has_the_statistics_of_the_records(tmp_path: Path) -> None:
    none, phased = rows_of(compared(write_suite(tmp_path)))
    assert none["strategy"] == "none"
    assert none["bpd_heldout_diff_mean"] == ""
    assert phased["bpd_heldout_n"] == phased["bpd_heldout_n_pairs"] == "3"
    # the seeds' own spread (0.1) cancels: differences are -0.3 + (0.010, -0.004, 0.002)
    mean, deviation = -0.3 + 0.008 / 3, np.std(NOISE, ddof=1)
    assert float(phased["bpd_heldout_diff_mean"]) == pytest.approx(mean)
    half = 4.302653 * deviation / math.sqrt(3)
    assert float(phased["bpd_heldout_diff_low"]) == pytest.approx(mean - half, abs=1e-6)


def test_missing_pairs_are_dropped_from_both_arms(tmp_path: Path) -> None:
    lone = only(strategy="none", seed=2)
    manifest = write_suite(tmp_path, change=lambda record: None if lone(record) else record)
    none, phased = rows_of(compared(manifest))
    assert (none["bpd_heldout_n"], phased["bpd_heldout_n"]) == ("2", "3")
    assert (phased["bpd_heldout_n_pairs"], phased["bpd_heldout_n_unpaired"]) == ("2", "1")
    assert float(phased["bpd_heldout_diff_mean"]) == pytest.approx(-0.3 + 0.003)
    text = readme_of(manifest)
    assert "Planned seeds without a pair, left out of both arms: `phased` 1." in text
    assert "trust paired differences" in text


def test_one_seed_has_no_interval_and_the_report_says_so(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, seeds=(0,))
    text = readme_of(manifest)
    assert "One seed, hence no interval: `none`, `phased`." in text
    assert "(1 pair, no interval)" in text
    assert "±" not in text.split("## Results")[1].split("#### ")[1].split("## Figures")[0]
    assert rows_of(compared(manifest))[1]["bpd_heldout_low"] == ""


def test_one_seed_one_strategy_and_no_baseline_say_what_is_missing_and_what_is_shown(tmp_path: Path) -> None:
    one_seed = readme_of(write_suite(tmp_path / "seed", seeds=[0]))
    assert "No interval for any cell of the tables: one seed each." in one_seed
    one_strategy = readme_of(write_suite(tmp_path / "strategy", strategies=["phased"]))
    assert (
        "No comparison: only `phased` has finished trials. Its scores and curves are shown." in one_strategy
    )
    lone = readme_of(write_suite(tmp_path / "lone", strategies=["phased", "constant"]))
    assert "the baseline `none` has no finished trial. Means are shown, unpaired." in lone
    assert "No worth in images for digits: one budget gives no curve" in lone
    whole = readme_of(write_suite(tmp_path / "whole", budgets=(60, 300)))
    assert "cannot show" not in whole


def test_answer_names_the_leader_and_warns_of_memorising(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, strategies=("none", "phased", "constant")))
    answer = text.split("## Answer")[1].split("## Results")[0]
    assert "lowest mean held-out bits/dim for `phased`" in answer
    assert "an interval that excludes zero" in answer
    assert "wholly above zero for `constant`" in answer
    assert "lowest mean FID for `none`" in answer
    assert "pattern of memorising" in answer
    assert "(n = 3)" in answer
    assert "about 0.1 would be expected to exclude zero" in answer


def test_answer_does_not_order_what_the_seeds_do_not_settle(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        if record["strategy"] == "phased":
            record["bpd_heldout"] = 3.0 + 0.1 * record["seed"] + (-0.3, 0.2, 0.05)[record["seed"]]
        return record

    answer = readme_of(write_suite(tmp_path, change=change)).split("## Results")[0]
    assert "these seeds do not settle the order of the two" in answer
    assert "excludes zero" not in answer.split("*How to read this.*")[0]


def test_unfinished_training_is_pointed_out(tmp_path: Path) -> None:
    falling = {"curve_rate_heldout_bpd": [2.0, 1.5, 1.2, 1.1, 1.05]}
    text = readme_of(write_suite(tmp_path, change=lambda record: record | falling))
    assert "Still improving: in every seed of `none` (n = 3) and `phased` (n = 3)" in text


def test_fid_leads_only_with_many_samples_and_always_beside_the_ratio(tmp_path: Path) -> None:
    few = readme_of(write_suite(tmp_path / "few"))
    many = readme_of(write_suite(tmp_path / "many", change=lambda record: {**record, "samples": 5000}))
    assert "| KID (random, N = 500) ↓ | FID (random, N = 500) ↓ | nearest-training ratio |" in few
    assert "| FID (random, N = 5000) ↓ | nearest-training ratio | KID (random, N = 5000) ↓ |" in many
    assert "KID leads" in few
    assert "KID leads" not in many


def test_a_suite_without_its_baseline_still_reports(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, strategies=("phased", "constant")))
    assert "No pairs with the baseline `none`." in text


def test_paired_section_counts_wins_and_gives_three_seeds_no_star(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, strategies=("none", "phased", "constant")))
    section = text.split("## Paired comparisons")[1].split("## Data efficiency")[0]
    assert "No stars: with 3 pairs no p-value can be below 0.25" in section
    assert "| 60 | `phased` | −0.297 [−0.315, −0.280] | 3 | 3/0/0 | 0.25 | 0.5 |" in section
    assert "| 60 | `constant` | +0.203 [+0.185, +0.220] | 3 | 0/0/3 | 0.25 | 0.5 |" in section
    assert "★" not in section


def test_enough_seeds_earn_a_star(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        record["bpd_heldout"] = 3.0 + 0.1 * record["seed"] - 0.3 * (record["strategy"] == "phased")
        return record

    manifest = write_suite(tmp_path, seeds=range(8), change=change)
    row = rows_of(compared(manifest))[1]
    assert float(row["bpd_heldout_p"]) == pytest.approx(2 / 2**8)
    assert (row["bpd_heldout_pairs_lower"], row["bpd_heldout_pairs_higher"]) == ("8", "0")
    assert "−0.300 [−0.300, −0.300] ★" in readme_of(manifest)


def test_a_seed_without_a_pair_enters_no_test(tmp_path: Path) -> None:
    def lacking(record: Record) -> Record:
        return record | ({"bpd_heldout": None} if only(strategy="none", seed=2)(record) else {})

    row = rows_of(compared(write_suite(tmp_path, change=lacking)))[1]
    assert (row["bpd_heldout_n_pairs"], row["bpd_heldout_n_unpaired"]) == ("2", "1")
    assert (row["bpd_heldout_p"], row["bpd_heldout_pairs_lower"]) == ("0.5", "2")


def test_leaks_copies_and_floors_are_shown_where_records_hold_them(tmp_path: Path) -> None:
    added = {
        "leak_x_flip": 0.4,
        "leak_x_flip_low": 0.3,
        "leak_x_flip_high": 0.5,
        "copying_z": -3.2,
        "fid_floor": 0.01,
    }
    text = readme_of(write_suite(tmp_path, change=lambda record: record | added))
    section = text.split("## Leakage and memorisation")[1].split("## Figures")[0]
    assert "| images | strategy | n | leakage of x flip |" in section
    assert "| 60 | `phased` | 3 | 0.400 ± 0.000 |" in section
    assert "−3.20 ± 0.00 |" in section
    assert "how low a distance can get" in section
    assert "leak_x_flip_low" not in text.split("## Protocol")[0]


def test_a_collapsed_codebook_is_named_with_its_seed(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        is_one = only(budget=300, seed=1)(record)
        return {**record, "codebook_size": 64, "perplexity_top": 5.09 if is_one else 20.0}

    text = readme_of(write_suite(tmp_path / "one", budgets=(60, 300), change=change))
    assert "codebook collapsed: digits at 300, seed 1 (top: perplexity 5.1 of 64)." in text
    whole = readme_of(
        write_suite(tmp_path / "none", budgets=(60, 300), change=lambda r: {**r, "codebook_size": 64})
    )
    assert "collapsed:" not in whole
