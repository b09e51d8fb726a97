"""Which code a trial runs is part of its id: what a plugin imports, what it is built on, if it augments."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from running_bench import attempt

from benchmark.commands.preview import draw_views
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.planning.work import shared_groups
from benchmark.store.store import Store
from benchmark.trial.extractor_of import refuse_unusable_extractor
from strategies.contract import registry

SIBLING = """\
from strategies import Strategy
from helper_schedule import level


class Mine(Strategy):
    def strength(self, progress: float) -> float:
        return level(progress)
"""
MEANS = """\
from helper_features import mean


class Means:
    def __call__(self, images):
        return mean(images)
"""
PLAIN = SIBLING.replace("from helper_schedule import level\n", "").replace("level(progress)", "0.5")
AUGMENTED = "{name: phased, stages: [prior]}"


def trials(path: Path, text: str, entry: str) -> dict[str, Trial]:
    assert AUGMENTED in text
    path.write_text(text.replace(AUGMENTED, entry))
    return {trial.strategy.label: trial for trial in plan_trials(load_suite(path))}


def run(trial: Trial, store: Store) -> dict[str, Any]:
    return attempt(trial, store.root)


def test_a_helper_that_a_strategy_imports_is_part_of_its_trial(suite_file: Path, suite_text: str) -> None:
    suite_file.with_name("mine.py").write_text(SIBLING)
    ids = []
    for level in ("0.75", "0.25", "0.75"):
        suite_file.with_name("helper_schedule.py").write_text(f"def level(p): return {level}\n")
        trial = trials(suite_file, suite_text, "{name: './mine.py:Mine', stages: [prior]}")["Mine"]
        ids.append(trial.id)
    assert ids[0] == ids[2] != ids[1]
    suite_file.with_name("helper_schedule.py").write_text("def level(p): return 0\n")  # edited during the run
    record = run(trial, Store(suite_file.parent / "runs"))
    assert record["mean_strength"] == 0.75
    assert record["strategy_class"] == "Mine"


def test_a_helper_that_an_extractor_imports_is_part_of_its_trial(suite_file: Path, suite_text: str) -> None:
    suite_file.with_name("means.py").write_text(MEANS)
    text = suite_text.replace("evaluation: {", 'evaluation: {extractor: "./means.py:Means", ')
    found = []
    for axes in ("(1, 3)", "(1, 2)"):
        suite_file.with_name("helper_features.py").write_text(f"def mean(x): return x.mean(axis={axes})\n")
        found.append(trials(suite_file, text, AUGMENTED)["none"])
        refuse_unusable_extractor(found[-1])
    assert found[0].id != found[1].id
    store = Store(suite_file.parent / "runs")
    fingerprints = {run(trial, store)["extractor_fingerprint"] for trial in found}
    assert len(fingerprints) == 2


def test_a_plugin_called_none_augments_in_its_key_and_in_training(suite_file: Path, suite_text: str) -> None:
    suite_file.with_name("own.py").write_text(PLAIN.replace("class Mine", "class none"))
    entry = "{name: './own.py:none', label: mine, stages: [codes, prior]}"
    found = trials(suite_file, suite_text, entry)
    assert found["none"].strategy.augmented_stages == ()
    trial = found["mine"]
    assert trial.strategy.augmented_stages == ("codes", "prior")
    assert trial.resolved()["strategy"]["stages"] == ["codes", "prior"]
    assert trial.resolved()["space"] is not None
    assert shared_groups(trial) == {}
    assert draw_views(trial) is not None
    assert run(trial, Store(suite_file.parent / "runs"))["augmented_share"] > 0


def test_a_plugin_built_on_an_edited_strategy_is_another(
    suite_file: Path, suite_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "from strategies.phased import Phased\nclass Mine(Phased): ...\n"
    suite_file.with_name("mine.py").write_text(own)
    entry = "{name: './mine.py:Mine', stages: [prior]}"
    shipped = trials(suite_file, suite_text, entry)["Mine"]
    assert shipped.resolved()["strategy"].keys() == {"name", "parameters", "stages", "source_hash"}
    monkeypatch.setitem(registry.is_shipped.__globals__["SHIPPED"], "phased.Phased", "of another day")
    registry._code_of_registered.cache_clear()
    edited = trials(suite_file, suite_text, entry)["Mine"]
    built_in = trials(suite_file, suite_text, AUGMENTED)["phased"]
    registry._code_of_registered.cache_clear()
    assert edited.id != shipped.id
    assert re.fullmatch(r"phased\.Phased [0-9a-f]{16}", edited.resolved()["strategy"]["bases"][0])
    assert built_in.resolved()["strategy"]["source_hash"] is not None


def test_matched_knows_the_code_that_it_is_matched_to(
    suite_file: Path, suite_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    suite_file.with_name("mine.py").write_text(SIBLING)
    ids = []
    for level in ("0.75", "0.25"):
        suite_file.with_name("helper_schedule.py").write_text(f"def level(p): return {level}\n")
        trial = trials(suite_file, suite_text, "{name: matched, to: './mine.py:Mine', stages: [prior]}")[
            "matched"
        ]
        assert trial.strategy.make().strength(0.1) == pytest.approx(float(level))
        assert trial.resolved()["strategy"]["parameters"]["to"] == "Mine"
        ids.append(trial.id)
    assert ids[0] != ids[1]
    plain = trials(suite_file, suite_text, "{name: matched, stages: [prior]}")["matched"]
    assert "uses" not in plain.resolved()["strategy"]


def test_other_code_on_a_node_is_refused_there(suite_file: Path, suite_text: str) -> None:
    trial = trials(suite_file, suite_text, AUGMENTED)["phased"]
    planned = dataclasses.replace(trial.strategy.code, source_hash="0123456789abcdef", package="other 1.2")
    elsewhere = dataclasses.replace(trial, strategy=dataclasses.replace(trial.strategy, code=planned))
    record = run(elsewhere, Store(suite_file.parent / "runs"))
    assert record["status"] == "failed"
    assert "strategy 'phased' is not the one that this run was planned with" in record["reason"]
    assert "other 1.2" in record["reason"]


@pytest.mark.parametrize(
    ("entry", "first", "second"),
    [
        ("./absent.py:Mine", "strategy './absent.py:Mine' cannot be loaded", "absent.py does not exist"),
        ("./mine.py:Mine", "strategy './mine.py:Mine' cannot be loaded", "No module named 'helper_schedule'"),
        ("{name: matched, to: phazed}", "strategy 'phazed' is unknown", "Did you mean 'phased'?"),
        ("{name: matched, to: './mine.py:Mine'}", "'./mine.py:Mine' cannot be loaded", "No module named"),
    ],
)
def test_code_that_cannot_be_loaded_is_two_lines(
    suite_file: Path, suite_text: str, entry: str, first: str, second: str
) -> None:
    suite_file.with_name("mine.py").write_text(SIBLING)
    with pytest.raises(UserError) as caught:
        trials(suite_file, suite_text, entry if entry[0] == "{" else f"{{name: '{entry}'}}")
    assert str(caught.value).count("\n") == 1
    assert caught.value.message.startswith(f"{suite_file}:7: ")
    assert first in caught.value.message
    assert second in caught.value.hint
