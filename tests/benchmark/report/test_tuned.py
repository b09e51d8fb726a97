"""A report says how each strategy's parameters were chosen, and whether all had the same chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.report import write_report
from benchmark.report.reading.loading import load_records
from benchmark.report.words.tuned import tuning_lines, tuning_of

NOTE = {"trials": 10, "seeds": [1000], "budget": 300, "dataset": "digits"}


def with_choices(runs: Path, tmp_path: Path, choices: Any) -> Path:
    """Return a copy of the published manifest that says how parameters were chosen."""
    manifest = json.loads((runs / "suites" / "limited_data.json").read_text())
    path = tmp_path / "limited_data.json"
    path.write_text(json.dumps(manifest | {"strategies": choices}))
    return path


@pytest.fixture
def choices() -> dict[str, Any]:
    return {
        "none": {"set": [], "tuning": None},
        "none-early-stop": {"set": [], "tuning": None},
        "constant": {"set": ["strength"], "tuning": NOTE},
        "phased": {"set": ["strengths"], "tuning": NOTE},
        "adaptive": {"set": ["target"], "tuning": None},
    }


def test_readme_and_page_say_what_was_tuned(
    published_runs: Path, tmp_path: Path, choices: dict[str, Any]
) -> None:
    output = tmp_path / "report"
    write_report(with_choices(published_runs, tmp_path, choices), published_runs, output)
    for name in ("README.md", "index.html"):
        text = (output / name).read_text()
        assert text.count("tuned: 10 trials on validation images of digits, 300 images, seed 1000") == 2, name
        assert "defaults, not tuned" in text
        assert "never on held-out ones, with 10 trials each" in text


def test_efforts_that_differ_are_named(published_runs: Path, tmp_path: Path, choices: dict[str, Any]) -> None:
    def lines() -> str:
        manifest = with_choices(published_runs, tmp_path, choices)
        return " ".join(tuning_lines(load_records(manifest, published_runs)))

    assert lines().endswith(
        "with 10 trials each: `constant` and `phased`. Not tuned: `none`, `none-early-stop` and `adaptive`."
    )
    suite = load_records(with_choices(published_runs, tmp_path, choices), published_runs)
    assert tuning_of(suite, "adaptive") == "set in the suite, not tuned: `target`"
    choices["phased"]["tuning"] = NOTE | {"trials": 40, "seeds": [1000, 1001]}
    assert "not with the same effort: `constant` 10 trials, seed 1000 and `phased` 40 trials" in lines()
    for choice in choices.values():
        choice["tuning"] = None
    assert lines() == " No strategy was tuned."


def test_a_manifest_from_before_still_reports(published_runs: Path, tmp_path: Path) -> None:
    manifest = published_runs / "suites" / "limited_data.json"
    suite = load_records(manifest, published_runs)
    assert tuning_lines(suite) == []
    assert tuning_of(suite, "phased") == "not recorded"
    write_report(manifest, published_runs, tmp_path / "report")
    assert "not tuned" not in (tmp_path / "report" / "README.md").read_text()
