"""Ctrl-C, SIGTERM: once, a checkpoint; twice, it ends at once; Ray is ended; then the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from running_bench import MODULE, attempt, bench, deterministic, start, wait_for

from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.store.store import Store

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


def slow_suite(suite: Path, seconds: float = 0.2) -> list[Trial]:
    suite.with_name("mine.py").write_text(SLOW)
    suite.with_name("seconds").write_text(str(seconds))
    text = suite.read_text().replace(
        "{name: phased, stages: [prior]}", "{name: './mine.py:Slow', stages: [prior]}"
    )
    text = text.replace("  - none\n", "").replace("prior: {steps: 6,", "prior: {steps: 60,")
    suite.write_text(text + "baseline: Slow\nresources: {checkpoint_seconds: 3600}\n")
    return plan_trials(load_suite(suite))


def step_of(trial: Trial, runs: Path) -> int:
    from pcvq2.trainer.tensor_file import read_tensors

    return read_tensors(Store(runs).checkpoint_path(trial.id) / "prior.checkpoint")[1]["step"]


@pytest.mark.parametrize("options", [["--local"], []], ids=["serial", "ray"])
def test_ctrl_c_once_writes_a_checkpoint_and_the_next_run_goes_on(
    suite_file: Path, options: list[str]
) -> None:
    (trial,) = slow_suite(suite_file)
    runs = suite_file.parent / "runs"
    log = Store(runs).log_path(trial.id)
    process = start("run", suite_file, *options, cwd=suite_file.parent)
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
    ended = bench("run", suite_file, "--local", cwd=suite_file.parent)
    assert "1/1 done" in ended.stdout, ended.stderr
    assert f"stage prior, step {step + 1} of 60" in log.read_text()
    record = json.loads(Store(runs).record_path(trial.id).read_text())
    whole = attempt(trial, runs.with_name("whole"))
    assert deterministic(record) == deterministic(whole)


@pytest.mark.parametrize("options", [["--local"], []], ids=["serial", "ray"])
def test_ctrl_c_twice_ends_at_once_and_corrupts_nothing(suite_file: Path, options: list[str]) -> None:
    (trial,) = slow_suite(suite_file, seconds=20)  # no step ends before the second
    runs = suite_file.parent / "runs"
    log = Store(runs).log_path(trial.id)
    process = start("run", suite_file, *options, cwd=suite_file.parent)
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
    ended = bench("run", suite_file, "--local", cwd=suite_file.parent)
    assert "1/1 done" in ended.stdout, ended.stderr


def in_mid_training(suite: Path, *options: str, **more: Any) -> tuple[Trial, subprocess.Popen[str]]:
    """Start a run and wait until its trial is at a step of stage prior."""
    (trial,) = slow_suite(suite)
    process = start("run", suite, *options, cwd=suite.parent, **more)
    log = Store(suite.parent / "runs").log_path(trial.id)
    wait_for(lambda: log.exists() and "stage prior" in log.read_text(), process)
    time.sleep(1.0)
    return trial, process


def assert_it_goes_on(suite: Path, trial: Trial, step: int) -> None:
    suite.with_name("seconds").write_text("0")
    ended = bench("run", suite, "--local", cwd=suite.parent)
    assert "1/1 done" in ended.stdout, ended.stderr
    log = Store(suite.parent / "runs").log_path(trial.id).read_text()
    assert f"stage prior, step {step + 1} of 60" in log


@pytest.mark.parametrize(
    ("options", "ignored", "sent", "code"),
    [
        (["--local"], (), signal.SIGTERM, 143),
        (["--local"], (signal.SIGINT,), signal.SIGTERM, 143),  # a background command of a batch script
        (["--local"], (), signal.SIGHUP, 129),
        ([], (), signal.SIGTERM, 143),
    ],
    ids=["serial", "in the background", "hang-up", "ray"],
)
def test_sigterm_is_taken_for_ctrl_c_and_the_next_run_goes_on(
    suite_file: Path, options: list[str], ignored: tuple[signal.Signals, ...], sent: int, code: int
) -> None:
    trial, process = in_mid_training(suite_file, *options, ignored=ignored)
    os.kill(process.pid, sent)  # this process only, as `kill` and batch systems do
    output, _ = process.communicate(timeout=90)
    assert process.returncode == code, output
    assert "Traceback" not in output
    assert "the same command goes on where it stopped" in output
    runs = suite_file.parent / "runs"
    assert not list(runs.glob("records/*"))
    step = step_of(trial, runs)
    assert 2 < step < 60
    assert_it_goes_on(suite_file, trial, step)


@pytest.mark.parametrize("options", [["--local"], []], ids=["serial", "ray"])
def test_a_second_sigterm_ends_at_once(suite_file: Path, options: list[str]) -> None:
    (trial,) = slow_suite(suite_file, seconds=30)
    log = Store(suite_file.parent / "runs").log_path(trial.id)
    process = start("run", suite_file, *options, cwd=suite_file.parent)
    wait_for(lambda: log.exists() and "stage codes" in log.read_text(), process)
    time.sleep(2.0)
    process.terminate()
    time.sleep(1.0)
    assert process.poll() is None
    before = time.monotonic()
    process.terminate()
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - before < 20
    assert process.returncode == 143, output
    assert "Traceback" not in output


def test_what_is_ignored_on_purpose_stays_ignored(suite_file: Path) -> None:
    _, process = in_mid_training(suite_file, "--local", ignored=(signal.SIGHUP, signal.SIGINT))
    os.kill(process.pid, signal.SIGHUP)  # nohup
    os.kill(process.pid, signal.SIGINT)  # a shell's background command
    suite_file.with_name("seconds").write_text("0")
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert "1/1 done" in output


def test_a_search_ends_at_sigterm_with_a_checkpoint(suite_file: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("prior: {steps: 6,", "prior: {steps: 100000,"))
    options = ("--strategy", "phased", "--local", "--trials", "2")
    process = start("tune", suite_file, *options, cwd=suite_file.parent)
    logs = suite_file.parent / "runs" / "logs"
    wait_for(lambda: any("stage prior" in log.read_text() for log in logs.glob("*.log")), process)
    time.sleep(1.0)
    process.terminate()
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 143, output
    assert "the same command goes on where it stopped" in output
    assert list(logs.parent.glob("checkpoints/*/prior.checkpoint"))


def test_other_commands_end_at_sigterm_with_a_line(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, *MODULE, "selftest"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(6.0)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said == "interrupted; give the same command again\n"


def ray_processes(driver: int, names: tuple[str, ...]) -> list[int]:
    """Return the children of a driver that are Ray's servers of some names."""
    found = subprocess.run(
        ["pgrep", "-P", str(driver), "-f", "|".join(names)], capture_output=True, text=True, check=False
    )
    return list(map(int, found.stdout.split()))


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        (("raylet/raylet",), signal.SIGKILL),
        (("gcs/gcs_server",), signal.SIGKILL),
        (("raylet/raylet", "gcs/gcs_server"), signal.SIGTERM),  # as `ray stop` does; it kills what is left
    ],
    ids=["raylet", "head", "ray stop"],
)
def test_ray_ended_from_outside_is_said_has_its_own_exit_code_and_the_next_run_goes_on(
    suite_file: Path, names: tuple[str, ...], sent: signal.Signals
) -> None:
    trial, process = in_mid_training(suite_file)
    killed = ray_processes(process.pid, names)
    assert len(killed) == len(names)
    before = time.monotonic()
    for pid in killed:
        os.kill(pid, sent)
    if sent == signal.SIGTERM:
        time.sleep(3)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=60) == os.EX_TEMPFAIL
    assert time.monotonic() - before < 30
    output, _ = process.communicate(timeout=180)  # Ray's agents hold the pipe until they miss their head
    assert "Ray was ended from outside" in output
    assert "the same command goes on" in output
    assert "Traceback" not in output
    assert not list((suite_file.parent / "runs").glob("records/*"))  # no trial is to blame
    suite_file.with_name("seconds").write_text("0")
    ended = bench("run", suite_file, "--local", cwd=suite_file.parent)
    assert "1/1 done" in ended.stdout, ended.stderr
    assert Store(suite_file.parent / "runs").is_done(trial.id)
