"""What a report refuses, counts as failed or leaves out, and how it says so."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from made_records import Record, compared, failing, only, readme_of, refusal, rows_of, write_suite


def test_nothing_done_is_refused_in_two_lines(tmp_path: Path) -> None:
    failed = write_suite(tmp_path / "a", change=lambda record: failing(record) if record["seed"] else None)
    error = refusal(failed)
    assert "none of the 6 trials is done" in error.message
    assert error.hint.startswith("4 failed (4 times: loss is nan at 3), 2 without a record")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("extractor", "inception"),
        ("extractor_fingerprint", "e2"),
        ("samples", 2000),
        ("dataset_fingerprint", "d2"),
        ("schema_version", 0),
    ],
)
def test_mixed_protocols_are_refused_by_name(tmp_path: Path, field: str, value: object) -> None:
    odd = only(strategy="phased", seed=1)
    manifest = write_suite(
        tmp_path, change=lambda record: {**record, field: value} if odd(record) else record
    )
    message = refusal(manifest).message
    assert f"differ in {field}" in message
    assert json.dumps(value) in message
    assert "phased, seed 1" in message


def test_numbers_of_two_meanings_of_an_operation_are_never_mixed(tmp_path: Path) -> None:
    odd = only(strategy="phased", seed=1)
    old = {"ranges": {"contrast": 0.2}, "padding": "reflection"}
    new = old | {"contrast_about": "grey", "operations": {"contrast": 2}}

    def made(record: Record) -> Record:
        space = None if record["strategy"] == "none" else old if odd(record) else new
        return record | {"trial": record["trial"] | {"space": space}}

    message = refusal(write_suite(tmp_path / "mixed", change=made)).message
    assert "differ in augmentation space" in message
    assert '"operations": {"contrast": 2}' in message
    assert "phased, seed 1" in message
    readme_of(write_suite(tmp_path / "alike", change=lambda r: r | {"trial": r["trial"] | {"space": new}}))


def test_newer_records_are_named_and_the_others_shown(tmp_path: Path) -> None:
    odd = only(strategy="phased", seed=1)
    newer = {"schema_version": 2}
    text = readme_of(write_suite(tmp_path / "one", change=lambda r: r | (newer if odd(r) else {})))
    assert "its schema_version 2 is newer than 1, the newest this version reads" in text
    assert "1 failed and 0 missing trials give no number (pairs left out of both arms for it: 1)" in text
    everything = refusal(write_suite(tmp_path / "all", change=lambda record: record | newer))
    assert "6 failed (6 times: its schema_version 2 is newer" in everything.hint


def test_all_failed_says_why_and_how_often(tmp_path: Path) -> None:
    refused = refusal(write_suite(tmp_path, change=failing))
    assert "none of the 6 trials is done" in refused.message
    assert "6 times: loss is nan at 3" in refused.hint


def test_a_headline_that_is_nan_everywhere_leaves_the_rest(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, change=lambda record: {**record, "bpd_heldout": math.nan}))
    assert "6 of 6 finished trials have no finite held-out bits/dim" in text
    assert "| KID (random, N = 500) ↓ |" in text


def test_a_record_of_another_trial_is_refused(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, change=lambda record: {**record, "budget": 61})
    assert "budget is 61, the manifest says 60" in refusal(manifest).message


def test_absent_and_broken_manifests_are_refused(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path)
    assert "Suites already run: tiny." in refusal(manifest.with_name("other.json")).hint
    manifest.write_text("{")
    assert "not readable as JSON" in refusal(manifest).message
    manifest.write_text('{"trials": [{"id": "a"}]}')
    assert "trial 0 is malformed" in refusal(manifest).message


def test_an_unreadable_record_counts_as_failed(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path)
    next((tmp_path / "records").iterdir()).write_text('{"status": "do')
    assert compared(manifest).suite.count("failed") == 1


def test_scores_that_are_not_numbers_are_left_out_and_explained(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        if record["strategy"] == "phased":
            record |= {"fid": [None, math.nan, 0.08][record["seed"]], "recall": None}
            if record["seed"] == 0:
                record["fid_null_reason"] = "too few samples"
        return record

    manifest = write_suite(tmp_path, change=change)
    phased = rows_of(compared(manifest))[1]
    assert (phased["fid_n"], phased["fid_n_pairs"], phased["fid_n_unpaired"]) == ("1", "1", "2")
    assert (phased["recall_n"], phased["recall_mean"]) == ("0", "")
    text = readme_of(manifest)
    assert "| 0.0800 (n = 1) |" in text
    assert "`fid` in 1: too few samples (digits, 60 images, phased, seed 0" in text
    assert "nan" not in text.lower().split("## protocol")[0]


def test_custom_scores_need_no_code(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, change=lambda record: {**record, "leaked_flips": 0.25})
    assert rows_of(compared(manifest))[1]["leaked_flips_diff_mean"] == "0"
    text = readme_of(manifest)
    assert "scores added by plugins" in text
    assert "| `leaked_flips` |" in text
