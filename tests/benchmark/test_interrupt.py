"""Ctrl-C: once, running trials write a checkpoint; twice, it ends at once; the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.plan import Trial, plan_trials
from benchmark.records import Store
from benchmark.suite import load_suite
from benchmark.trial import attempt_trial

# slow enough to be hit in mid-training; of its own codes, so that both stages have checkpoints
SLOW = """\
import time
from pathlib import Path
from strategies import Strategy
class Slow(Strategy):
    def strength(self, progress):
        return 0.5
    def augment(self, images, context):
        time.sleep(float(Path(__file__).with_name("seconds").read_text()))
        return super().augment(images, context)
"""


def start(suite: Path, *options: str) -> subprocess.Popen[str]:
    """Start `bench run` in a process group of its own, with Ctrl-C as a terminal leaves it."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", "run", str(suite), *options],
        cwd=suite.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def slow_suite(suite: Path, seconds: float = 0.2) -> list[Trial]:
    suite.with_name("mine.py").write_text(SLOW)
    suite.with_name("seconds").write_text(str(seconds))
    text = suite.read_text().replace(
        "{name: phased, stages: [prior]}", "{name: './mine.py:Slow', stages: [prior]}"
    )
    text = text.replace("  - none\n", "").replace("prior: {steps: 6,", "prior: {steps: 60,")
    suite.write_text(text + "baseline: Slow\nresources: {checkpoint_seconds: 3600}\n")
    return plan_trials(load_suite(suite))


def deterministic(record: dict[str, Any]) -> dict[str, Any]:
    drop = {"finished_at", "codes_shared"}
    return {k: v for k, v in record.items() if not k.endswith("_seconds") and k not in drop}


def step_of(trial: Trial, runs: Path) -> int:
    from pcvq2.tensor_file import read_tensors

    return read_tensors(Store(runs).checkpoint_path(trial.id) / "prior.checkpoint")[1]["step"]


@pytest.mark.parametrize("options", [["--local"], []], ids=["serial", "ray"])
def test_ctrl_c_once_writes_a_checkpoint_and_the_next_run_goes_on(
    suite_file: Path, options: list[str]
) -> None:
    (trial,) = slow_suite(suite_file)
    runs = suite_file.parent / "runs"
    log = Store(runs).log_path(trial.id)
    process = start(suite_file, *options)
    wait_for(lambda: log.exists() and "stage prior" in log.read_text(), process)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "the same command goes on where it stopped" in output
    assert not list(runs.glob("records/*"))
    step = step_of(trial, runs)  # checkpoint_seconds is an hour: it was written because of the interrupt
    assert 2 < step < 60
    assert "interrupted" in log.read_text()

    suite_file.with_name("seconds").write_text("0")
    output, _ = start(suite_file, "--local").communicate(timeout=120)
    assert "1/1 done" in output
    assert f"stage prior, step {step + 1} of 60" in log.read_text()
    record = json.loads(Store(runs).record_path(trial.id).read_text())
    whole = attempt_trial(
        trial, Store(runs.with_name("whole")), device="cpu", threads=1, progress=lambda *_: None
    )
    assert deterministic(record) == deterministic(whole)


@pytest.mark.parametrize("options", [["--local"], []], ids=["serial", "ray"])
def test_ctrl_c_twice_ends_at_once_and_corrupts_nothing(suite_file: Path, options: list[str]) -> None:
    (trial,) = slow_suite(suite_file, seconds=20)  # no step ends before the second
    runs = suite_file.parent / "runs"
    log = Store(runs).log_path(trial.id)
    process = start(suite_file, *options)
    wait_for(lambda: log.exists() and "stage codes" in log.read_text(), process)
    time.sleep(2.0)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1.0)
    assert process.poll() is None
    before = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - before < 15
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert not list(runs.glob("records/*"))
    suite_file.with_name("seconds").write_text("0")
    output, _ = start(suite_file, "--local").communicate(timeout=120)
    assert "1/1 done" in output
