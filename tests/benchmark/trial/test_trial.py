"""One trial end to end: the record's keys, fairness between strategies, failures as records."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from running_bench import attempt, records, without_times

from benchmark.data import load_dataset
from benchmark.planning.plan import plan_trials
from benchmark.planning.seeds import seed_for
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.report.reading.scores import numeric_keys, plugin_keys
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.recipe import run_trial

PROMISED = {
    "id",
    "status",
    "dataset",
    "budget",
    "strategy",
    "seed",
    "extractor",
    "fid",
    "kid",
    "precision",
    "recall",
    "rfid",
    "bpd_train",
    "bpd_heldout",
    "rate_top_bpd",
    "rate_bottom_bpd",
    "distortion_bpd",
    "perplexity_top",
    "perplexity_bottom",
    "images_seen",
    "wall_seconds",
    "versions",
    "git_commit",
}


def trials_of(path: Path, text: str) -> dict[str, Trial]:
    path.write_text(text)
    return {trial.strategy.label: trial for trial in plan_trials(load_suite(path))}


def test_a_record_has_what_was_promised_and_adds_up(tmp_path: Path, suite_text: str) -> None:
    trial = trials_of(tmp_path / "a.yaml", suite_text)["phased"]
    stages = []
    store = Store(tmp_path / "runs")
    record, artifacts = run_trial(
        trial, store, Attempt(progress=lambda stage, step, steps: stages.append(stage))
    )
    assert set(record) >= PROMISED
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["status"] == "done"
    ledger = record["rate_top_bpd"] + record["rate_bottom_bpd"] + record["distortion_bpd"]
    assert record["bpd_heldout"] == pytest.approx(ledger, rel=1e-5)
    assert record["bpd_gap"] == record["bpd_heldout"] - record["bpd_train"]
    assert record["images_seen"] == 6 * 8 + 6 * 8
    assert record["samples"] == record["references"] == 40
    assert dict.fromkeys(stages) == dict.fromkeys(["codes", "prior", "sampling", "scoring"])
    curve = [record[k] for k in record if k.startswith("curve_")]
    assert {len(values) for values in curve} == {2}
    images = np.load(io.BytesIO(artifacts["images.npz"]))
    assert {k: images[k].shape for k in images} == dict.fromkeys(
        ("samples", "nearest_train", "nearest_heldout", "heldout", "reconstructions"), (32, 16, 16, 1)
    )
    assert (store.model_path(trial.id) / "model.safetensors").is_file()


def test_the_same_trial_gives_the_same_record_again(tmp_path: Path, suite_text: str) -> None:
    trial = trials_of(tmp_path / "a.yaml", suite_text)["phased"]
    one, other = attempt(trial, tmp_path / "one"), attempt(trial, tmp_path / "other")
    assert without_times(one) == without_times(other)


def test_strategies_of_a_pair_share_auto_encoder_seeds_and_reconstructions(
    tmp_path: Path, suite_text: str
) -> None:
    text = suite_text.replace("  - none\n", "  - none\n  - {name: adaptive, stages: [prior]}\n")
    trials = trials_of(tmp_path / "a.yaml", text)
    records = {label: attempt(trial, tmp_path / "runs") for label, trial in trials.items()}
    assert [r["codes_shared"] for r in records.values()] == [False, True, True]
    for key in (
        "distortion_bpd",
        "rfid",
        "reconstruction_mse",
        "perplexity_top",
        "images_seen",
        "parameters",
    ):
        assert len({r[key] for r in records.values()}) == 1, key
    assert len({r["bpd_heldout"] for r in records.values()}) == 3
    for purpose in ("model", "views", "sampling"):
        assert len({seed_for(trial, purpose) for trial in trials.values()}) == 1
    assert records["none"]["augmented_share"] == records["none"]["mean_strength"] == 0
    assert records["phased"]["augmented_share"] > 0
    assert records["adaptive"]["validation_images"] == 4
    trace = records["adaptive"]["strategy_state"]["trace"]
    assert [round(6 * point["progress"]) for point in trace] == [2, 4, 6]  # the stage's three observations
    assert records["phased"]["strategy_state"] == {}
    assert records["none"]["validation_images"] == 0


def test_strength_zero_gives_the_record_of_none(tmp_path: Path, suite_text: str) -> None:
    text = suite_text.replace("name: phased", "name: constant, strength: 0")
    records = [attempt(t, tmp_path / "runs") for t in trials_of(tmp_path / "a.yaml", text).values()]
    scores = ("bpd_heldout", "bpd_train", "fid", "kid", "recall")
    assert len({tuple(r[k] for k in scores) for r in records}) == 1


def test_augmenting_the_codes_stage_trains_an_auto_encoder_of_its_own(
    tmp_path: Path, suite_text: str
) -> None:
    trials = trials_of(tmp_path / "a.yaml", suite_text.replace("stages: [prior]", "stages: [codes]"))
    none, codes = (attempt(t, tmp_path / "runs") for t in trials.values())
    assert not codes["codes_shared"]
    assert codes["reconstruction_mse"] != none["reconstruction_mse"]
    assert codes["mean_strength_codes"] > 0
    assert codes["mean_strength_prior"] == 0


def test_a_failing_strategy_leaves_a_record_with_reason_and_traceback(
    tmp_path: Path, suite_text: str
) -> None:
    (tmp_path / "mine.py").write_text(
        "from strategies import Strategy\n"
        "class Late(Strategy):\n"
        "    def strength(self, progress):\n"
        "        return 0.5\n"
        "    def augment(self, images, context):\n"
        "        if context.step == 3: raise RuntimeError('step three')\n"
        "        return super().augment(images, context)\n"
    )
    trial = trials_of(tmp_path / "a.yaml", suite_text.replace("name: phased", "name: ./mine.py:Late"))["Late"]
    record = attempt(trial, tmp_path / "runs")
    assert record["status"] == "failed"
    assert record["reason"] == "RuntimeError: step three"
    assert "mine.py" in str(record["traceback"])
    assert not Store(tmp_path / "runs").is_done(trial.id)


def test_a_validated_run_keeps_images_back_and_takes_the_step_they_liked_best(
    tmp_path: Path, suite_text: str
) -> None:
    early = "{name: none, label: early, training: {selection: best_validation}}"
    text = suite_text.replace("{name: phased, stages: [prior]}", early)
    record = attempt(trials_of(tmp_path / "a.yaml", text)["early"], tmp_path / "runs")
    assert record["validation_images"] == 4
    assert len(record["budget_indices"]) == 20
    assert 0 < record["selected_step"] <= record["prior_steps"] == 6
    assert math.isfinite(record["bpd_validation"])


def test_leakage_is_measured_for_every_strategy_with_one_judge(
    tmp_path: Path, suite_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.metrics.probe._STEPS", 5)
    trials = trials_of(tmp_path / "a.yaml", suite_text.replace("metrics: [", "metrics: [leakage, "))
    records = {label: attempt(trial, tmp_path / "runs") for label, trial in trials.items()}
    assert len(list((tmp_path / "runs" / "probes").glob("*.safetensors"))) == 1
    for record in records.values():
        assert record["leak_operations"] == ["rotation", "shift", "x_flip"]
        for name in record["leak_operations"]:
            value, reason = record[f"leak_{name}"], record.get(f"leak_{name}_null_reason")
            assert (value is None) == (reason is not None)


def test_a_record_says_which_images_were_its_budget(finished: Path) -> None:
    trial = plan_trials(load_suite(finished / "tiny.yaml"))[0]
    record = records(finished / "runs")[trial.id]
    pool = load_dataset(trial.dataset).train
    assert record["pool_images"] == len(pool)
    rows = record["budget_indices"]
    assert len(set(rows)) == trial.budget == len(rows)
    order = np.random.default_rng(record["budget_order_seed"]).permutation(record["pool_images"])
    assert order[: trial.budget].tolist() == rows
    images = np.load(finished / "runs" / "artifacts" / trial.id / "images.npz")
    budget = {image.tobytes() for image in pool[rows]}
    assert all(image.tobytes() in budget for image in images["nearest_train"])


def test_the_report_knows_every_number_of_a_record(
    tmp_path: Path, suite_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.metrics.probe._STEPS", 5)
    every_metric = suite_text[: suite_text.index("evaluation:")]
    trials = trials_of(tmp_path / "a.yaml", every_metric.replace("name: phased", "name: adaptive"))
    keys = numeric_keys([attempt(trials["adaptive"], tmp_path / "runs")])
    assert {"bpd_validation", "fid_train", "copying_z", "mean_strength"} <= set(keys)
    assert plugin_keys(keys) == []
