"""`bench report A B`: the same suite run twice."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.cli import app
from benchmark.errors import UserError
from benchmark.report.two_runs.compare import compare_runs
from benchmark.report.two_runs.text import two_runs_text


@pytest.fixture
def second(published_runs: Path, tmp_path: Path) -> Path:
    """Copy the runs: another torch, `phased` 0.01 bits/dim better at 60 images, one record of `none` lost."""
    root = tmp_path / "second"
    shutil.copytree(published_runs, root, ignore=shutil.ignore_patterns("artifacts"))
    for path in (root / "records").iterdir():
        record = json.loads(path.read_text())
        record["versions"]["torch"] = "2.16.0"
        if (record["strategy"], record["budget"]) == ("phased", 60):
            record["bpd_heldout"] -= 0.01 + 0.0001 * record["seed"]
        path.write_text(json.dumps(record))
        if (record["strategy"], record["budget"], record["seed"]) == ("none", 300, 2):
            path.unlink()
    return root


def test_differences_are_paired_by_seed_and_identical_pairs_counted(
    published_runs: Path, second: Path
) -> None:
    found = {
        (p.budget, p.strategy): p for p in compare_runs(str(published_runs), str(second)).of("bpd_heldout")
    }
    phased, none, constant = found[60, "phased"], found[300, "none"], found[60, "constant"]
    assert phased.difference.mean == pytest.approx(-0.0101)
    assert (phased.difference.side_of_zero, phased.identical) == ("below", 0)
    assert (none.difference.n, none.difference.left_out, none.identical) == (2, 1, 2)
    assert (constant.difference.mean, constant.identical, constant.p) == (0.0, 3, 1.0)


def test_the_page_says_what_differs(published_runs: Path, second: Path) -> None:
    text = two_runs_text(compare_runs(str(published_runs), str(second)))
    assert "41 of 44 pairs have the same bits/dim, held-out to the last bit" in text
    assert "exclude zero: phased at 60 (digits)" in text
    assert "| version of torch | `2.15.0` | `2.16.0` |" in text
    assert "digits, 300 images, none, seed 2: first run only" in text


def test_a_run_equals_itself(published_runs: Path) -> None:
    text = two_runs_text(compare_runs(str(published_runs), str(published_runs)))
    assert "45 of 45 pairs" in text
    assert "None is recorded: hardware, code, versions and settings are the same." in text


def test_the_command_writes_a_page_and_a_table(published_runs: Path, second: Path, tmp_path: Path) -> None:
    manifests = [str(root / "suites" / "limited_data.json") for root in (published_runs, second)]
    result = CliRunner().invoke(app, ["report", *manifests, "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "second - first" in result.output
    folder = tmp_path / "limited_data-two-runs"
    assert (folder / "README.md").is_file()
    assert (folder / "index.html").is_file()
    rows = list(csv.DictReader((folder / "table.csv").open()))
    (row,) = [r for r in rows if (r["strategy"], r["budget"], r["score"]) == ("phased", "60", "bpd_heldout")]
    assert float(row["diff_mean"]) == pytest.approx(-0.0101)


def test_another_protocol_is_refused(published_runs: Path, second: Path) -> None:
    for path in (second / "records").iterdir():
        path.write_text(json.dumps(json.loads(path.read_text()) | {"samples": 1000}))
    with pytest.raises(UserError, match="samples of 'digits' is 500 in one, 1000 in the other"):
        compare_runs(str(published_runs), str(second))


def test_places_without_a_common_suite_are_refused(
    published_runs: Path, second: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="neither a manifest nor a runs folder"):
        compare_runs(str(published_runs), str(tmp_path / "nowhere"))
    (second / "suites" / "limited_data.json").rename(second / "suites" / "other.json")
    with pytest.raises(UserError, match="they have run no suite of the same name"):
        compare_runs(str(published_runs), str(second))


def test_what_was_renamed_between_two_runs_is_still_the_same(published_runs: Path, second: Path) -> None:
    plain = compare_runs(str(published_runs), str(second))
    manifest = next((second / "suites").glob("*.json"))
    told = json.loads(manifest.read_text())
    for trial in told["trials"]:
        trial["dataset"] = "handwriting"
        trial["strategy"] = {"phased": "narrowing"}.get(trial["strategy"], trial["strategy"])
    manifest.write_text(json.dumps(told))
    assert compare_runs(str(published_runs), str(second)).pairings == plain.pairings
