"""How far a run is and when it ends: every stage counts, what is shared counts once, waiting is no work."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from benchmark.metrics import leakage
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.planning.work import Steps, parts_of, probes_group, scoring_parts, stages_of
from benchmark.pulse import heard_by, locked, pulse
from benchmark.running.display import Display
from benchmark.running.one_trial import work_on
from benchmark.running.progress import Run
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from benchmark.trial import recipe as trial_module
from benchmark.trial.attempt import Attempt
from benchmark.trial.recipe import run_trial
from benchmark.trial.sample_keys import leakage_keys, prepare_probes


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def planned(path: Path) -> list[Trial]:
    return plan_trials(load_suite(path))


def with_leakage(path: Path) -> Path:
    path.write_text(path.read_text().replace("metrics: [", "metrics: [leakage, "))
    return path


def long(path: Path) -> Path:
    """Train for so long that scoring is little beside it."""
    path.write_text(path.read_text().replace("steps: 6", "steps: 60000"))
    return path


def whole(trial: Trial) -> float:
    return sum(part.work for part in parts_of(trial).values())


def ended(trial: Trial) -> dict[str, str]:
    return {"id": trial.id, "status": "done"}


def go_through(run: Run, clock: Clock, trial: Trial, seconds: dict[str, float]) -> Iterable[str]:
    """Report the stages of a trial, each in ten steps; yield its name where one has begun."""
    for stage in (stage for stage in stages_of(trial) if stage in seconds):
        run.step(trial.id, stage, 0, 10)
        yield stage
        for step in range(1, 11):
            clock.now += seconds[stage] / 10
            run.step(trial.id, stage, step, 10)


def test_the_eta_is_the_pace_so_far_and_a_shared_auto_encoder_counts_once(suite_file: Path) -> None:
    clock = Clock()
    run = Run(planned(suite_file), clock=clock)
    first, second = run.trials
    left = whole(second) - parts_of(second)["codes"].work
    assert left < whole(first)
    assert run.eta_seconds is None
    run.step(first.id, "codes", 0, 6)
    clock.now = 10.0
    run.end(ended(first))
    assert run.eta_seconds == pytest.approx(10 * left / whole(first))
    assert run.share == pytest.approx(whole(first) / (whole(first) + left))
    run.end({"id": second.id, "status": "failed", "reason": "x"})
    assert run.eta_seconds == 0
    assert run.line() == "1/2 done, 1 failed in 0:10"


def test_the_eta_knows_that_larger_images_take_longer(suite_file: Path) -> None:
    """The small dataset's trials end first; a pace in trials would promise the large ones in no time."""
    text = long(suite_file).read_text()
    small = "  - {name: digits, source: digits, size: 16, heldout: 40}\n"
    assert small in text
    large = "  - {name: large, source: shapes, size: 32, heldout: 40, images: 60}\n"
    suite_file.write_text(text.replace(small, small + large))
    clock = Clock()
    run = Run(planned(suite_file), clock=clock)
    for trial in [trial for trial in run.trials if trial.dataset.name == "digits"]:
        seconds = {name: 10 * part.work for name, part in parts_of(trial).items()}
        list(go_through(run, clock, trial, seconds))
        run.end(ended(trial))
    large_trials = [trial for trial in run.trials if trial.dataset.name == "large"]
    left = sum(whole(trial) for trial in large_trials) - parts_of(large_trials[1])["codes"].work
    assert run.eta_seconds == pytest.approx(10 * left)
    assert left > 3 * sum(whole(trial) for trial in run.trials if trial.dataset.name == "digits") / 2


def test_steps_of_an_earlier_run_do_not_flatter_the_eta(suite_file: Path) -> None:
    clock = Clock()
    run = Run(planned(long(suite_file)), clock=clock)
    first = run.trials[0]
    run.step(first.id, "prior", 3, 6)
    assert run.share > 0.02
    assert run.eta_seconds is None
    clock.now = 10.0
    run.step(first.id, "prior", 6, 6)
    parts, other = parts_of(first), run.trials[1]
    left = parts["sampling"].work + parts["scoring"].work + whole(other) - parts_of(other)["codes"].work
    assert run.eta_seconds == pytest.approx(left * 10 / (parts["prior"].work / 2))


def test_scoring_that_takes_most_of_the_time_is_most_of_the_run(suite_file: Path) -> None:
    """Nothing says beforehand that it does; from the second trial on it is known."""
    suite_file.write_text(suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1]"))
    clock, seconds = Clock(), {"codes": 1.0, "prior": 2.0, "sampling": 1.0, "scoring": 100.0}
    run = Run(planned(suite_file), clock=clock)
    for index, trial in enumerate(run.trials):
        own = seconds if index < 2 else {k: v for k, v in seconds.items() if k != "codes"}
        for stage in go_through(run, clock, trial, own):
            if index and stage == "scoring":
                left = 100.0 + (len(run.trials) - index - 1) * 103.0 + (1.0 if index < 1 else 0.0)
                assert run.eta_seconds == pytest.approx(left, rel=0.02)
                assert run.share < 1 - 95.0 / (4 * 103.0)
        run.end(ended(trial))
    assert run.eta_seconds == 0
    assert run.share == pytest.approx(1)


def test_the_eta_within_scoring_is_right(suite_file: Path) -> None:
    clock, seconds = Clock(), {"codes": 1.0, "prior": 2.0, "sampling": 1.0, "scoring": 100.0}
    run = Run(planned(suite_file)[:1], clock=clock)
    list(go_through(run, clock, run.trials[0], {k: v for k, v in seconds.items() if k != "scoring"}))
    run.step(run.trials[0].id, "scoring", 0, 10)
    clock.now += 30.0
    run.step(run.trials[0].id, "scoring", 3, 10)
    assert run.eta_seconds == pytest.approx(70.0)


def test_two_at_once_end_when_the_longer_of_their_queues_does(suite_file: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1, 2]"))
    clock = Clock()
    run = Run(planned(suite_file), clock=clock)
    for trial in run.trials[:2]:
        run.step(trial.id, "codes", 0, 6)
    clock.now = whole(run.trials[0])
    for trial in run.trials[:2]:
        run.end(ended(trial))
    own = whole(run.trials[0]) - parts_of(run.trials[0])["codes"].work
    assert run.eta_seconds == pytest.approx(whole(run.trials[2]) + own, rel=0.01)  # of four left, not / 2


def test_probes_count_once_for_a_data_set_and_space(suite_file: Path) -> None:
    with_leakage(suite_file)
    text = suite_file.read_text().replace("budgets: [20]", "budgets: [20, 30]")
    suite_file.write_text(text.replace("seeds: [0]", "seeds: [0, 1]"))
    trials = planned(suite_file)
    assert len(trials) == 8
    assert len({probes_group(trial) for trial in trials}) == 1
    clock = Clock()
    run = Run(trials, clock=clock)
    probes = parts_of(trials[0])["probes"]
    assert probes.work > 0
    before = run.share
    run.step(trials[0].id, "probes", 0, 1200)
    run.step(trials[0].id, "probes", 1200, 1200)
    done = run.share
    run.step(trials[1].id, "probes", 1200, 1200)
    assert before == pytest.approx(0)
    assert done == run.share > 0
    for trial in trials:
        run.end(ended(trial))
    assert run.share == pytest.approx(1)


def test_waiting_for_another_is_neither_work_nor_a_pace(suite_file: Path) -> None:
    clock = Clock()
    run = Run(planned(long(suite_file)), clock=clock)
    first = run.trials[0].id
    run.step(first, "prior", 0, 10)
    clock.now = 10.0
    run.step(first, "prior", 5, 10)
    eta, share = run.eta_seconds, run.share
    run.step(first, "waiting for probes", 0, 1)
    for _ in range(5):
        clock.now += 10.0
        run.step(first, "waiting for probes", 0, 1)
    assert (run.eta_seconds, run.share) == (pytest.approx(eta), pytest.approx(share))


def test_probes_of_an_earlier_run_are_not_left_to_do(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.metrics.probe._STEPS", 5)
    trial, *_ = planned(with_leakage(suite_file))
    images = torch.randint(0, 256, (40, 1, 16, 16)).to(torch.uint8)
    store = Store(tmp_path / "runs")
    prepare_probes(trial, images, store, lambda *_: None)
    run = Run([trial], clock=Clock())
    prepare_probes(trial, images, store, lambda *what: run.step(trial.id, *what))
    assert run.share == pytest.approx(parts_of(trial)["probes"].work / whole(trial))
    assert run.eta_seconds is None


def test_a_trial_reports_all_of_itself_in_order_and_to_the_end(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.metrics.probe._STEPS", 5)
    text = with_leakage(suite_file).read_text() + "repeats: {samplings: 3}\n"
    suite_file.write_text(text)
    trial = planned(suite_file)[0]
    heard: list[tuple[str, int, int]] = []
    run_trial(trial, Store(tmp_path / "runs"), Attempt(progress=lambda *what: heard.append(what)))
    assert list(dict.fromkeys(stage for stage, _, _ in heard)) == list(stages_of(trial))
    assert [stage for stage, _, _ in heard] == sorted((s for s, _, _ in heard), key=stages_of(trial).index)
    for stage in stages_of(trial):
        steps = [(step, of) for name, step, of in heard if name == stage]
        assert steps == sorted(steps), stage
        assert steps[-1][0] == steps[-1][1], stage
    scoring = {step for name, step, _ in heard if name == "scoring"}
    assert len(scoring) > len(scoring_parts(trial)) / 2  # a step for each part that is not tiny
    assert set(scoring_parts(trial)) >= {f"{what} {n}" for what in ("scores", "leakage") for n in range(3)}


def test_a_part_left_by_an_error_does_not_count() -> None:
    heard: list[int] = []
    steps = Steps("scoring", {"a": 3.0, "b": 1.0}, lambda stage, step, of: heard.append(step))
    with pytest.raises(ZeroDivisionError), steps.part("a"):
        _ = 1 / 0
    with steps.part("b"):
        steps.report()
    with steps.part("a"):
        pass
    assert heard == [0, 0, 25, 100]


def test_probes_are_trained_first_by_one_trial_while_others_go_on(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second trial finds the probes being trained: it goes on, and waits only when it needs them."""
    monkeypatch.setattr("benchmark.metrics.probe._STEPS", 5)
    trained, released, begun = [], threading.Event(), threading.Event()
    real = leakage._train

    def slow(*arguments: object) -> object:
        trained.append(1)
        begun.set()
        assert released.wait(60)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(leakage, "_train", slow)
    first, second = planned(with_leakage(suite_file))
    store = Store(tmp_path / "runs")
    images = torch.randint(0, 256, (40, 1, 16, 16)).to(torch.uint8)
    other = threading.Thread(target=prepare_probes, args=(first, images, store, lambda *_: None))
    other.start()
    assert begun.wait(60)
    heard: list[str] = []
    prepare_probes(second, images, store, lambda stage, *_: heard.append(stage))
    assert heard == []  # it did not wait

    def hear(stage: str, step: int, of: int) -> None:
        heard.append(stage)
        if stage.startswith("waiting"):
            released.set()

    steps = Steps("scoring", scoring_parts(second), hear)
    keys = leakage_keys(second, images, images, store, steps)
    other.join()
    assert "waiting for probes" in heard
    assert "leak_operations" in keys
    assert trained == [1]


def test_whoever_waits_for_a_lock_is_heard(tmp_path: Path) -> None:
    holding, heard = threading.Event(), []

    def hold() -> None:
        with locked(tmp_path / "a.lock"):
            holding.set()
            time.sleep(2.5)

    other = threading.Thread(target=hold)
    other.start()
    assert holding.wait(10)
    with heard_by(lambda: heard.append(1)), locked(tmp_path / "a.lock"):
        pass
    other.join()
    assert len(heard) >= 1
    pulse()
    assert len(heard) <= 3  # nobody listens any more


def test_lines_say_where_a_trial_stands(suite_file: Path) -> None:
    from io import StringIO

    from rich.console import Console

    clock, out = Clock(), StringIO()
    run = Run(planned(suite_file), clock=clock)
    display = Display(run, Console(file=out, width=200))
    first, second = run.trials
    display.step(first.id, "probes", 0, 1200)
    clock.now = 31.0
    display.step(second.id, "waiting for probes", 0, 1)
    display.step(first.id, "probes", 300, 1200)
    clock.now = 70.0
    display.step(first.id, "probes", 600, 1200)
    lines = out.getvalue().splitlines()
    assert f"{second.title}: waiting for probes 0/1 and 1 more" in lines[0]
    assert f"{first.title}: probes 600/1200 and 1 more" in lines[1]


def test_an_extractor_that_hangs_in_scoring_fails_its_trial_and_the_log_says_where(suite_file: Path) -> None:
    """Asked about a few images, as before a run, it answers."""
    suite_file.with_name("mine.py").write_text(
        "import time\n"
        "class Sleeps:\n"
        "    def __call__(self, images):\n"
        "        time.sleep(60 if len(images) > 10 else 0)\n"
        "        return images.reshape(len(images), -1)[:, :4].astype('float32')\n"
    )
    text = suite_file.read_text().replace("evaluation: {", "evaluation: {extractor: './mine.py:Sleeps', ")
    suite_file.write_text(text.replace("  - {name: phased, stages: [prior]}\n", ""))
    trial, store = planned(suite_file)[0], Store(suite_file.parent / "runs")
    record = work_on(trial, store, RunSettings(stall_seconds=4.0), Attempt())
    assert record is not None
    assert record["reason"] == "Stalled: no step for 4 s"
    assert "mine.py" in store.log_path(trial.id).read_text()


def test_slow_scoring_that_gives_signs_of_life_is_not_taken_for_a_hanging_one(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch of features, each metric and each look at a lock is one."""

    def slow(*arguments: object) -> list[float]:
        for _ in range(20):
            time.sleep(0.3)
            pulse()
        return [0.0]

    real = trial_module.likelihood_keys
    monkeypatch.setattr(trial_module, "likelihood_keys", lambda *a: slow() and real(*a))
    trial, store = planned(suite_file)[0], Store(suite_file.parent / "runs")
    record = work_on(trial, store, RunSettings(stall_seconds=4.0), Attempt())
    assert record is not None
    assert record["status"] == "done", record.get("reason")


TWO_BUDGETS = {"budgets: [20]": "budgets: [20, 30]", "seeds: [0]": "seeds: [0, 1]"}
COUNT_TRAINED = """\
import sys
from pathlib import Path
from benchmark.metrics import leakage, probe
from benchmark.planning.plan import plan_trials
from benchmark.store.store import Store
from benchmark.planning.suite import load_suite
from benchmark.running.run_settings import RunSettings
from benchmark.trial.attempt import Attempt
from benchmark.running.one_trial import work_on
probe._STEPS = 5
real, trained = leakage._train, []
leakage._train = lambda *a: trained.append(1) or real(*a)
store = Store(Path(sys.argv[1]).parent / "runs")
trials = plan_trials(load_suite(Path(sys.argv[1])))
records = [work_on(trial, store, RunSettings(), Attempt()) for trial in trials]
assert all(record is None or record["status"] == "done" for record in records), records
print("TRAINED", len(trained), "DONE", sum(record is not None for record in records))
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_suite_of_budgets_seeds_and_strategies_trains_its_probes_once(
    suite_file: Path, processes: int
) -> None:
    text = with_leakage(suite_file).read_text()
    for old, new in TWO_BUDGETS.items():
        assert old in text
        text = text.replace(old, new)
    suite_file.write_text(text)
    command = [sys.executable, "-c", COUNT_TRAINED, str(suite_file)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    said = [process.communicate(timeout=300) for process in running]
    trained = [int(out.split("TRAINED ")[1].split()[0]) for out, _ in said]
    assert sum(trained) == 1, said
    assert len(list((suite_file.parent / "runs" / "probes").glob("*.safetensors"))) == 1
    assert len(list((suite_file.parent / "runs" / "records").glob("*.json"))) == 8
