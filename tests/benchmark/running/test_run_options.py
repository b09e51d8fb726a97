"""The options of `bench run`, in this process and without Ray: what is planned, chosen, retried and kept."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from running_bench import attempt

from benchmark.commands.listing import list_runs
from benchmark.commands.run import engine_of
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings, checked_keep
from benchmark.store.store import Store

FLAKY = """\
from pathlib import Path
from strategies import Strategy
class Flaky(Strategy):
    def strength(self, progress):
        return 0.5
    def augment(self, images, context):
        if context.step == 3:
            tries = Path(__file__).with_name("tries")
            tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
            if len(tries.read_text()) <= {failures}:
                raise {error}
        return super().augment(images, context)
"""


def run(
    suite: Path,
    *,
    dry_run: bool = False,
    only: tuple[str, ...] = (),
    tensorboard: bool = False,
    **settings: Any,
) -> tuple[str, list[Any]]:
    console = Console(file=io.StringIO(), width=200)
    options = Options(
        RunSettings(**settings), engine_of(local=True), only=only, dry_run=dry_run, tensorboard=tensorboard
    )
    failed = run_suite(suite, Store(suite.parent / "runs"), console, options)
    return console.file.getvalue(), failed


def flaky(suite: Path, failures: int, error: str = "RuntimeError('no luck')") -> None:
    suite.with_name("mine.py").write_text(FLAKY.format(failures=failures, error=error))
    suite.write_text(suite.read_text().replace("name: phased", "name: ./mine.py:Flaky"))


def test_a_dry_run_says_why_each_trial_is_not_done_and_writes_nothing(suite_file: Path) -> None:
    output, _ = run(suite_file, dry_run=True)
    assert "2 trials: 0 done, 2 never run" in output
    assert not (suite_file.parent / "runs").exists()

    flaky(suite_file, failures=1)
    run(suite_file)
    output, _ = run(suite_file, dry_run=True)
    assert "2 trials: 1 done, 1 failed" in output
    assert "RuntimeError: no luck" in output

    text = suite_file.read_text()
    suite_file.write_text(text.replace("prior: {steps: 6,", "prior: {steps: 7,"))
    output, _ = run(suite_file, dry_run=True)
    assert "2 trials: 0 done, 2 changed" in output
    assert "model.prior_stage.steps 6 -> 7 (since record" in output

    suite_file.write_text(text)
    store = Store(suite_file.parent / "runs")
    done, failed = sorted(store.records(), key=lambda record: record["status"])
    store.record_path(failed["id"]).unlink()
    store.record_path(done["id"]).write_text('{"id": ')
    with store.claim(failed["id"]):
        output, _ = run(suite_file, dry_run=True)
    assert "1 running" in output
    assert "its record is damaged" in output


def test_an_interrupted_trial_is_told_from_one_that_never_ran(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite_file.write_text(suite_file.read_text() + "resources: {checkpoint_seconds: 0}\n")
    flaky(suite_file, failures=1, error="KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        run(suite_file)
    output, _ = run(suite_file, dry_run=True)
    assert "2 trials: 1 done, 1 interrupted" in output
    assert "goes on from stage prior, step 3" in output
    rows = list_runs(suite_file.parent / "runs")
    assert dict(zip(*rows, strict=True)) | {"last record": ""} == {
        "suite": "tiny",
        "trials": "2",
        "done": "1",
        "failed": "0",
        "interrupted": "1",
        "not run": "0",
        "last record": "",
        "command": f"bench run {suite_file}",
    }
    _, failed = run(suite_file)
    assert failed == []
    assert "2 trials: 2 done" in run(suite_file, dry_run=True)[0]


def test_only_runs_a_part_and_the_manifest_still_names_the_whole_suite(suite_file: Path) -> None:
    output, _ = run(suite_file, only=("strategy=none,seed=0", "budget=20"))
    assert "1 trials, 0 done before, 1 to run" in output
    manifest = json.loads((suite_file.parent / "runs" / "suites" / "tiny.json").read_text())
    assert [entry["strategy"] for entry in manifest["trials"]] == ["none", "phased"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("strategie=none", "--only: key 'strategie' is unknown\nDid you mean 'strategy'?"),
        ("strategy=phazed", "--only: strategy 'phazed' is unknown\nDid you mean 'phased'?"),
        ("budget=21", "--only: budget '21' is unknown\nDid you mean '20'?"),
        ("none", "--only none: not of the form key=value"),
    ],
)
def test_only_names_what_it_does_not_know(suite_file: Path, wanted: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        run(suite_file, only=(wanted,))
    assert message in str(error.value)
    assert not (suite_file.parent / "runs").exists()


def test_retries_try_again_in_the_same_run_and_the_log_has_the_traceback(suite_file: Path) -> None:
    flaky(suite_file, failures=2)
    _, failed = run(suite_file, retries=1)
    assert len(failed) == 1
    log = Store(suite_file.parent / "runs").log_path(failed[0]["id"]).read_text()
    assert log.count("no luck\nTraceback (most recent call last)") == 2
    flaky(suite_file, failures=3)  # the third try fails, the fourth does not
    _, failed = run(suite_file, retries=1)
    assert failed == []


def test_fail_fast_leaves_the_rest(suite_file: Path) -> None:
    flaky(suite_file, failures=9)
    text = suite_file.read_text().replace("  - none\n", "").replace("seeds: [0]", "seeds: [0, 1, 2]")
    suite_file.write_text(text + "baseline: Flaky\n")
    output, failed = run(suite_file, fail_fast=True)
    assert len(failed) == 1
    assert "2 to go" in output
    assert len(run(suite_file)[1]) == 3


@pytest.mark.parametrize("keep", ["records", "models", "all"])
def test_what_is_kept_of_finished_trials(suite_file: Path, keep: str) -> None:
    _, failed = run(suite_file, keep=keep)
    assert failed == []
    runs = suite_file.parent / "runs"
    assert len(list(runs.glob("records/*.json"))) == 2
    assert len(list(runs.glob("models/*/model.safetensors"))) == (0 if keep == "records" else 2)
    assert len(list(runs.glob("codes/*.safetensors"))) == (0 if keep == "records" else 1)
    assert len(list(runs.glob("checkpoints/*/*"))) == (2 if keep == "all" else 0)
    assert not list(runs.glob("locks/*"))
    run(suite_file, keep="models")  # the next run, run otherwise, tidies up
    assert not list(runs.glob("checkpoints/*/*"))


def test_keep_names_what_it_does_not_know() -> None:
    with pytest.raises(UserError, match=r"--keep 'model' is unknown\nDid you mean 'models'\?"):
        checked_keep("model")


@pytest.mark.parametrize(
    "error",
    ["MemoryError()", 'RuntimeError("DefaultCPUAllocator: can\'t allocate memory: you tried")'],
)
def test_out_of_memory_is_a_failure_with_advice(suite_file: Path, error: str) -> None:
    flaky(suite_file, failures=9, error=error)
    _, (record,) = run(suite_file, retries=3)
    assert record["cause"] == "out_of_memory"
    assert "take a smaller batch" in record["reason"]
    assert len((suite_file.parent / "tries").read_text()) == 1  # not at once, and not among others


def test_everything_that_is_wrong_is_said_at_once(suite_file: Path) -> None:
    text = suite_file.read_text().replace("phased", "phazed").replace("budgets: [20]", "budgets: [20, 9999]")
    suite_file.write_text(text.replace("  - {name: digits,", "  - folder:nowhere\n  - {name: digits,"))
    with pytest.raises(UserError) as error:
        plan_trials(load_suite(suite_file))
    assert [line.partition("error: ")[2] or line for line in str(error.value).splitlines()[::2]] == [
        f"{suite_file}:8: strategy 'phazed' is unknown",
        f"{suite_file}:2: {suite_file.parent / 'nowhere'}: no such folder",
        f"{suite_file}:4: budget 9999 is larger than dataset 'digits'",
    ]


def test_preflight_names_all_that_is_wrong_before_anything_is_written(suite_file: Path) -> None:
    suite_file.with_name("mine.py").write_text(
        "from strategies import Strategy, View\n"
        "class Bad(Strategy):\n"
        "    def strength(self, progress):\n        return 0.5\n"
        "    def augment(self, images, context):\n        return View(images[:1])\n"
    )
    text = suite_file.read_text().replace("name: phased", "name: ./mine.py:Bad")
    suite_file.write_text(text + "resources: {cpus: 4096, gpus: 1.5}\n")
    with pytest.raises(UserError) as error:
        run(suite_file)
    assert "a trial takes 4096 CPUs" in str(error.value)
    assert "strategy 'Bad' cannot augment a batch" in str(error.value)
    assert not (suite_file.parent / "runs").exists()


def test_images_that_changed_after_the_plan_fail_the_trial_instead_of_its_record(suite_file: Path) -> None:
    trial = dataclasses.replace(plan_trials(load_suite(suite_file))[0], fingerprint="0" * 16)
    record = attempt(trial, suite_file.parent / "runs")
    assert "the images of 'digits' have changed" in record["reason"]


def test_a_trial_that_hangs_fails_and_the_log_says_where(suite_file: Path) -> None:
    flaky(suite_file, failures=1, error="RuntimeError(__import__('time').sleep(60))")
    _, (record,) = run(suite_file, stall_seconds=5.0)
    assert record["reason"] == "Stalled: no step for 5 s"
    assert "mine.py" in Store(suite_file.parent / "runs").log_path(record["id"]).read_text()
    assert run(suite_file, stall_seconds=5.0)[1] == []


def test_tensorboard_gets_the_curves_of_finished_trials_once(suite_file: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event

    flaky(suite_file, failures=1, error="ValueError('once')")
    output, _ = run(suite_file, tensorboard=True)
    folder = suite_file.parent / "runs" / "tensorboard" / "tiny"
    assert f"tensorboard --logdir {folder}" in output
    (first,) = folder.iterdir()
    assert first.name.startswith("digits-20-none-0-")
    run(suite_file, tensorboard=True)
    assert len(list(folder.iterdir())) == 2
    (events,) = first.iterdir()  # written once
    (record,) = [r for r in Store(suite_file.parent / "runs").records() if r["strategy"] == "none"]
    values: dict[str, list[tuple[int, float]]] = {}
    content = events.read_bytes()
    while content:  # length (8 bytes), its checksum (4), the event, its checksum (4)
        length = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + length])
        for value in event.summary.value:
            values.setdefault(value.tag, []).append((event.step, value.simple_value))
        content = content[16 + length :]
    curve = list(zip(record["curve_step"], record["curve_rate_heldout_bpd"], strict=True))
    assert [step for step, _ in values["rate_heldout_bpd"]] == [step for step, _ in curve]
    assert [v for _, v in values["rate_heldout_bpd"]] == pytest.approx([v for _, v in curve], rel=1e-6)
    assert values["scores/bpd_heldout"] == [(6, pytest.approx(record["bpd_heldout"], rel=1e-6))]
