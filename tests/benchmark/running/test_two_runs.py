"""Two `bench run` on one folder: every trial is run once, none is lost, whoever dies is taken over."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from running_bench import bench, start

from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.store.store import Store


def times_run(store: Store, ids: list[str]) -> list[int]:
    return [store.log_path(trial_id).read_text().count(" begins on ") for trial_id in ids]


@pytest.mark.parametrize("other", [["--local"], []], ids=["serial and serial", "serial and ray"])
def test_two_runs_at_once_run_every_trial_once(suite_file: Path, other: list[str]) -> None:
    suite_file.write_text(suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1]"))
    ids = [trial.id for trial in plan_trials(load_suite(suite_file))]
    store = Store(suite_file.parent / "runs")
    processes = [
        start("run", suite_file, "--local", cwd=suite_file.parent),
        start("run", suite_file, *other, cwd=suite_file.parent),
    ]
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    assert all(store.is_done(trial_id) for trial_id in ids)
    assert times_run(store, ids) == [1] * 4
    assert not list(store.root.glob("locks/*"))


def test_a_second_run_takes_over_what_the_first_leaves_undone(suite_file: Path) -> None:
    text = suite_file.read_text().replace("prior: {steps: 6,", "prior: {steps: 3000,")
    suite_file.write_text(
        text.replace("  - none\n", "") + "baseline: phased\nresources: {checkpoint_seconds: 0}\n"
    )
    (trial,) = plan_trials(load_suite(suite_file))
    store = Store(suite_file.parent / "runs")
    first = start("run", suite_file, "--local", cwd=suite_file.parent)
    deadline = time.monotonic() + 120
    while not store.checkpoint_path(trial.id).is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    second = start("run", suite_file, "--local", cwd=suite_file.parent)
    assert second.stdout is not None
    for line in second.stdout:
        if "another `bench run` is at 1 of these trials: waiting for it" in line:
            break
    else:
        pytest.fail("the second run did not wait")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    while "begins" not in store.log_path(trial.id).read_text().partition(" begins on ")[2]:
        assert second.poll() is None
        time.sleep(0.05)
    second.kill()
    second.communicate()
    # it went on from where the first was, not from the start
    steps = [line for line in store.log_path(trial.id).read_text().splitlines() if "stage prior" in line]
    assert steps[0].endswith("step 1 of 3000")
    assert not steps[1:] or not steps[1].endswith("step 1 of 3000")


@pytest.mark.parametrize("garbage", ["", '{"id": ', "[]", "\x00" * 40])
def test_damaged_records_and_manifests_are_made_again(suite_file: Path, garbage: str) -> None:
    text = suite_file.read_text().replace("  - {name: phased, stages: [prior]}\n", "")
    suite_file.write_text(text)
    store = Store(suite_file.parent / "runs")
    (trial,) = plan_trials(load_suite(suite_file))
    for path in (store.record_path(trial.id), store.manifest_path("tiny")):
        path.parent.mkdir(parents=True)
        path.write_text(garbage)
    scratch = store.record_path(trial.id).with_name(f".{trial.id}.json.999999999.part")
    scratch.write_text("left by a process that was killed")
    output = bench("run", suite_file, "--local", cwd=suite_file.parent).stdout
    assert "1 trials, 0 done before, 1 to run" in output
    assert json.loads(store.record_path(trial.id).read_text())["status"] == "done"
    assert json.loads(store.manifest_path("tiny").read_text())["suite"] == "tiny"
    assert not scratch.exists()
