"""A metric of the user's own: found, hashed into the trial, scored, shown; a mistake loses no model."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmark.commands.run import engine_of
from benchmark.errors import UserError
from benchmark.metrics.checks import MetricError, check_metric
from benchmark.metrics.own_metric import MetricSets, find_metric, own_scores
from benchmark.metrics.record_keys import why_taken
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.report import write_report
from benchmark.report.reading.scores import SCORES, SETTINGS
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from strategies.contract.plugin import Plugin

OWN = """
import numpy as np


class Brightness:
    'How far the mean grey value of samples is from held-out images.'

    title = "brightness error"
    better = "lower"

    def score(self, sets):
        assert sets.generated.dtype == np.uint8 and sets.generated.ndim == 4
        assert len(sets.features("generated")) == len(sets.generated)
        return abs(float(sets.generated.mean()) - float(sets.heldout.mean()))
"""
PARTED = """
class Halves:
    name = "halves"
    better = "higher"

    def score(self, sets):
        return {"top": sets.generated[:, :8].mean(), "odd": float("nan")}
"""
RAISES = """
class Raises:
    calls = 0

    def score(self, sets):
        if sets.features().shape[1] > 8:  # of the real extractor, not of the preflight
            raise RuntimeError("only after training")
        return 1.0
"""


def suite_with(folder: Path, text: str, metrics: str, **files: str) -> Path:
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source)
    head, _, _ = text.partition("evaluation: {")
    path = folder / "a.yaml"
    path.write_text(f"{head}evaluation: {{metrics: [{metrics}]}}\n")
    return path


def run(path: Path, store: Store) -> list[dict]:
    run_suite(path, store, Console(quiet=True), Options(RunSettings(), engine_of(local=True)))
    return [store.load(trial.id) for trial in plan_trials(load_suite(path))]


def test_it_is_scored_kept_and_shown_with_its_title_and_direction(
    tmp_path: Path, suite_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "kid, ./mine.py:Brightness, ./halves.py:Halves, ./raises.py:Raises"
    path = suite_with(tmp_path, suite_text, names, mine=OWN, halves=PARTED, raises=RAISES)
    path.write_text(path.read_text() + "repeats: {samplings: 2}\n")
    store = Store(tmp_path / "runs")
    for record in run(path, store):
        assert record["status"] == "done", record
        assert 0 <= record["brightness"] < 255
        assert record["halves_top"] > 0
        assert record["halves_odd"] is None
        assert record["halves_odd_null_reason"] == "score() returned nan"
        assert record["raises"] is None
        assert record["raises_null_reason"] == "RuntimeError: only after training"
        assert record["own_metrics"]["brightness"]["better"] == "lower"
        assert len(record["repeated_scores"]["brightness"]) == 2
        unknown = [
            key for key in record if not why_taken(key) and not key.startswith(("brig", "halv", "rais"))
        ]
        assert unknown == [], "a metric of one's own could take these keys of records"
    write_report(store.find_manifest("a"), store.root, tmp_path / "report")
    readme = (tmp_path / "report" / "README.md").read_text()
    assert "scores added by plugins" in readme
    assert "brightness error, `brightness` ↓" in readme
    assert "halves top, `halves_top` ↑" in readme
    page = (tmp_path / "report" / "index.html").read_text()
    assert "brightness error" in page
    header = (tmp_path / "report" / "table.csv").read_text().splitlines()[0].split(",")
    assert {"brightness_mean", "brightness_diff_mean", "halves_top_mean"} <= set(header)


def test_its_code_is_part_of_the_trial_only_where_it_is_named(tmp_path: Path, suite_text: str) -> None:
    plain = plan_trials(load_suite(suite_with(tmp_path, suite_text, "kid")))[0]
    assert "own_metrics" not in plain.resolved()["evaluation"]
    named = plan_trials(load_suite(suite_with(tmp_path, suite_text, "kid, ./mine.py:Brightness", mine=OWN)))[
        0
    ]
    assert named.id != plain.id
    assert named.metrics == ("kid",)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = suite_with(elsewhere, suite_text, "kid, ./mine.py:Brightness", mine=OWN)
    assert plan_trials(load_suite(moved))[0].id == named.id
    moved = suite_with(elsewhere, suite_text, "kid, ./mine.py:Brightness", mine=OWN + "# changed\n")
    assert plan_trials(load_suite(moved))[0].id != named.id


def test_it_travels_to_ray_workers(tmp_path: Path, suite_text: str) -> None:
    path = suite_with(tmp_path, suite_text, "kid, ./mine.py:Brightness", mine=OWN)
    trials = plan_trials(load_suite(path))
    command = [sys.executable, "-m", "benchmark.cli", "run", str(path), "--runs", str(tmp_path / "runs")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(Store(tmp_path / "runs").load(trial.id)["brightness"] >= 0 for trial in trials)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (OWN.replace("Brightness", "Other"), "has no class 'Brightness'"),
        (OWN.replace("title =", "name = 'fid'\n    title ="), "a key that records have already"),
        (OWN.replace("title =", "name = 'wall_seconds'\n    title ="), "a key that records have already"),
        (OWN.replace("title =", "name = 'leak_x'\n    title ="), "a key of the harness"),
        (OWN.replace("title =", "name = 'Fid'\n    title ="), "small letters"),
        (OWN.replace('"lower"', '"smaller"'), "'lower', 'higher' or ''"),
        (OWN.replace("return abs", "return str"), "returned str"),
        (OWN.replace("sets.heldout.mean()", "sets.nothing"), "AttributeError"),
        (OWN.replace("def score", "def mark"), "no class with score"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
    ],
)
def test_a_mistake_is_said_in_two_lines_before_training(
    tmp_path: Path, suite_text: str, source: str, said: str
) -> None:
    path = suite_with(tmp_path, suite_text, "kid, ./mine.py:Brightness", mine=source)
    with pytest.raises(UserError) as error:
        run_suite(
            path, Store(tmp_path / "runs"), Console(quiet=True), Options(RunSettings(), engine_of(local=True))
        )
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 2
    assert str(error.value).startswith(f"{path}:")
    assert not (tmp_path / "runs").exists()


def test_an_unknown_name_and_a_name_twice_are_refused(tmp_path: Path, suite_text: str) -> None:
    with pytest.raises(UserError, match="metric 'kib' is unknown"):
        load_suite(suite_with(tmp_path, suite_text, "kib"))
    both = suite_with(tmp_path, suite_text, "./a.py:Brightness, ./b.py:Brightness", a=OWN, b=OWN)
    with pytest.raises(UserError, match="two metrics are called 'brightness'"):
        plan_trials(load_suite(both))


def loaded(folder: Path, source: str, name: str) -> type:
    (folder / "own.py").write_text(source)
    return Plugin.read(folder / "own.py", name).load()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("return np.random.rand()", "global generator"),
        ("return np.random.default_rng().random()", "other scores the next time"),
        ("sets.generated[:] = 0; return 1.0", "read-only"),
        ("return float('nan')", "is nan"),
        ("return [1.0]", "returned list"),
        ("return {'low': 1.0}", "means something about another score"),
    ],
)
def test_the_battery_finds_what_breaks_a_rule(tmp_path: Path, change: str, rule: str) -> None:
    source = OWN.replace("return abs(float(sets.generated.mean()) - float(sets.heldout.mean()))", change)
    before = np.random.get_state()[1].tolist(), random.getstate()
    with pytest.raises((MetricError, ValueError), match=rule):
        check_metric(loaded(tmp_path, source, "Brightness"))
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before


def test_the_battery_passes_sound_metrics(tmp_path: Path) -> None:
    check_metric(loaded(tmp_path, OWN, "Brightness"))


def test_sets_are_read_only_and_features_come_when_asked(tmp_path: Path) -> None:
    images = {name: np.zeros((3, 8, 8, 1), np.uint8) for name in ("generated", "heldout")}
    asked: list[str] = []
    sets = MetricSets(images, lambda name: asked.append(name) or np.ones((3, 2)), seed=4)
    with pytest.raises(ValueError, match="read-only"):
        sets.heldout[0] = 1
    assert images["heldout"].flags.writeable
    assert asked == []
    assert sets.features("heldout").shape == (3, 2)
    assert asked == ["heldout"]
    with pytest.raises(KeyError, match="no set 'held'; known: generated, heldout"):
        sets.features("held")
    (tmp_path / "m.py").write_text(OWN)
    assert json.dumps(own_scores([find_metric(str(tmp_path / "m.py:Brightness"))], sets)) != "{}"


def test_every_key_the_report_knows_is_taken() -> None:
    assert [key for key in (*SCORES, *SETTINGS) if not why_taken(key)] == []
