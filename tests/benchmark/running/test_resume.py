"""A trial that is stopped, killed or fails, and is run again, leaves the record of one that was not."""

from __future__ import annotations

import itertools
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from running_bench import Progress, attempt, bench, start, unheard, without_times

from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from pcvq2.prior import Prior
from strategies import adaptive


def trial_of(path: Path, text: str, strategy: str) -> Trial:
    path.write_text(text.replace("{name: phased, stages: [prior]}", strategy))
    return plan_trials(load_suite(path))[-1]


def attempt_at_every_step(trial: Trial, runs: Path, progress: Progress = unheard) -> dict[str, Any]:
    """Run a trial that writes a checkpoint at every step."""
    return attempt(trial, runs, progress, checkpoint_seconds=0.0)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "strategy",
    [
        "{name: phased, stages: [prior]}",
        "{name: phased, stages: [codes, prior]}",
        "{name: adaptive, stages: [prior], ramp: 2}",
        "{name: none, label: early, training: {selection: best_validation}}",
    ],
    ids=["shared codes", "own codes", "adaptive", "best validation"],
)
def test_a_trial_that_broke_off_ends_in_the_record_of_one_that_did_not(
    tmp_path: Path, suite_text: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptive, "_SETTLED", -100.0)  # so short a training settles nothing
    trial = trial_of(tmp_path / "a.yaml", suite_text, strategy)
    whole, runs = attempt_at_every_step(trial, tmp_path / "whole"), tmp_path / "runs"
    steps: list[tuple[str, int]] = []
    for stop in [("codes", 3), ("prior", 3), ("prior", 5), ("sampling", 0), None]:

        def progress(stage: str, step: int, _: int, stop: tuple[str, int] | None = stop) -> None:
            steps.append((stage, step))
            if (stage, step) == stop:
                raise RuntimeError(f"stopped at {stop}")

        record = attempt_at_every_step(trial, runs, progress)
        assert record["status"] == ("failed" if stop else "done"), record
        checkpoints = [*runs.glob("checkpoints/*/*"), *runs.glob("codes/*.checkpoint*")]
        assert bool(checkpoints) == bool(stop)
    assert without_times(record) == without_times(whole)
    assert set(record) == set(whole)
    # each step was done once, but for those a stop kept from being written down
    assert steps.count(("codes", 3)) == steps.count(("prior", 3)) == steps.count(("prior", 5)) == 2
    assert steps.count(("prior", 2)) == steps.count(("prior", 6)) == 1
    assert files(runs) == files(tmp_path / "whole")
    if trial.strategy.name == "adaptive":
        assert len(set(whole["curve_strength"])) > 1


def test_a_nan_is_not_gone_on_from(tmp_path: Path, suite_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Prior.loss, itertools.count()

    def loss(self: Prior, *arguments: Any) -> Any:
        return real(self, *arguments) * (float("nan") if next(calls) == 4 else 1.0)

    monkeypatch.setattr(Prior, "loss", loss)
    trial = trial_of(tmp_path / "a.yaml", suite_text, "{name: constant, stages: [prior]}")
    record = attempt_at_every_step(trial, tmp_path / "runs")
    assert record["reason"].startswith("NonFiniteLoss: stage 'prior', step 4"), record["reason"]
    assert not (tmp_path / "runs" / "checkpoints" / trial.id).exists()


def test_bench_run_killed_in_either_stage_and_run_again_leaves_the_same_record(suite_file: Path) -> None:
    text = suite_file.read_text().replace("  - none\n", "").replace("steps: 6,", "steps: 40,")
    suite_file.write_text(f"{text}baseline: phased\nresources: {{checkpoint_seconds: 0}}\n")
    runs, folder = suite_file.parent / "runs", suite_file.parent / "whole"
    (trial,) = plan_trials(load_suite(suite_file))
    whole = attempt_at_every_step(trial, folder)
    for sign in ("codes/*.checkpoint", "checkpoints/*/prior.checkpoint"):
        process = start("run", suite_file, "--local", cwd=suite_file.parent)
        while process.poll() is None and not list(runs.glob(sign)):
            time.sleep(0.02)
        process.kill()
        output, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, output
        assert not (runs / "records").exists()
    ended = bench("run", suite_file, "--local", cwd=suite_file.parent)
    assert "1/1 done" in ended.stdout
    assert "refused" not in (runs / "logs" / f"{trial.id}.log").read_text()
    record = json.loads((runs / "records" / f"{trial.id}.json").read_text())
    assert without_times(record) == without_times(whole)
    assert files(runs / "codes") == files(folder / "codes")
    assert list((runs / "checkpoints").iterdir()) == []

    (runs / "checkpoints" / trial.id).mkdir()  # as if it was killed just after its record
    bench("run", suite_file, "--local", cwd=suite_file.parent)
    assert list((runs / "checkpoints").iterdir()) == []
