"""`bench tune`: validation images only, the defaults first, the same search wherever it runs."""

from __future__ import annotations

import io
import json
import random
import re
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from running_bench import Ended, bench, bench_alone

from benchmark.commands.run import engine_of
from benchmark.commands.tune import TuneOptions, tune_suite
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.store.store import Record, Store
from benchmark.tasks.density import DENSITY
from benchmark.trial.record import heading
from benchmark.tuning.result import conclusion, difference, entry_of, entry_yaml, ranked
from benchmark.tuning.rounds import Candidate, Rounds
from benchmark.tuning.sampler import ask_and_tell, random_trials
from benchmark.tuning.search_plan import Tuning, Wish, plan_tuning
from strategies.constant import Constant
from strategies.phased import Phased

Score = Callable[[Trial], float | None]
MINE = """\
from strategies import Choice, Strategy, Uniform
class Mine(Strategy):
    tunable = {"strength": Uniform(0.1, 0.9), "shape": Choice(("flat", "falling"))}
    def __init__(self, strength: float = 0.5, shape: str = "flat"):
        self._strength, self._shape = strength, shape
    def strength(self, progress):
        return self._strength * (1 - progress if self._shape == "falling" else 1)
"""


@pytest.fixture
def suite(suite_file: Path) -> Path:
    """A suite with something of every kind to tune."""
    suite_file.with_name("mine.py").write_text(MINE)
    more = "  - {name: constant, stages: [prior], strength: 0.9}\n  - {name: './mine.py:Mine', label: mine}\n"
    text = suite_file.read_text().replace("  - none\n", "  - none\n" + more)
    suite_file.write_text(text.replace("budgets: [20]", "budgets: [40, 20, 60]"))
    return suite_file


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Callable[[Score], list[Trial]]:
    """Return a function that has trials scored instead of trained, and returns the list of them."""

    def install(score: Score, heldout: float = 1.0) -> list[Trial]:
        ran: list[Trial] = []

        def work_on(trial: Trial, store: Store, *more: object) -> Record:
            ran.append(trial)
            value = score(trial)
            record = heading(trial) | {
                DENSITY.validation_score: value,
                "wall_seconds": 1.0,
                "bpd_heldout": heldout * len(ran),
            }
            record["status"], record["reason"] = ("failed", "no luck") if value is None else ("done", "")
            store.write(record, {})
            return record

        monkeypatch.setattr("benchmark.running.one_trial.work_on", work_on)
        return ran

    return install


def bowl(trial: Trial) -> float:
    """A score that is least at strength 0.4 and probability 0.7."""
    parameters = trial.strategy.parameters
    return 3 + (parameters["strength"] - 0.4) ** 2 + (parameters["probability"] - 0.7) ** 2 + trial.seed % 7


def plain_console(stream: io.StringIO) -> Console:
    """Return a console that prints names as they are, as benchmark.screen's do."""
    return Console(file=stream, width=110, markup=False, emoji=False, highlight=False)


def tune(path: Path, strategy: str, runs: str = "runs", **wish: Any) -> tuple[dict[str, Any], str]:
    """Tune in this process; return the result file and what was printed."""
    stream = io.StringIO()
    console = plain_console(stream)
    store = Store(path.parent / runs)
    tune_suite(path, store, console, TuneOptions(Wish(strategy, **wish), engine_of(local=True)))
    result = json.loads((store.root / "tuning" / "tiny" / f"{strategy}.json").read_text())
    return result, stream.getvalue()


def planned(path: Path, strategy: str, **wish: Any) -> Tuning:
    return plan_tuning(load_suite(path), Wish(strategy, **wish))


def test_trials_have_validation_images_new_seeds_and_nothing_scored_on_held_out_ones(suite: Path) -> None:
    suite.write_text(suite.read_text().replace("seeds: [0]", "seeds: [0, 1001]"))
    tuning = planned(suite, "constant", seeds=3)
    assert tuning.seeds == (1000, 1002, 1003)
    trial = tuning.trial(tuning.starts, 1002)
    assert (trial.budget, trial.validation_images, trial.seed) == (40, 8, 1002)
    assert (trial.metrics, trial.samples, trial.extractor) == ((), 2, "pixels")
    assert trial.id not in {t.id for t in plan_trials(load_suite(suite))}
    assert planned(suite, "constant", budget=60).template.validation_images == 12


def test_the_first_trial_is_the_strategys_defaults_whatever_the_suite_sets(
    suite: Path, scored: Callable[[Score], list[Trial]]
) -> None:
    ran = scored(bowl)
    result, printed = tune(suite, "constant", trials=2)
    assert ran[0].strategy.parameters == {"strength": 1.0, "probability": 1.0}
    assert result["trials"][0]["defaults"]
    assert "the suite's own strength of 'constant' are not among the trials" in printed
    phased = planned(suite, "phased")
    assert phased.trial(phased.starts, 0).strategy.parameters["strengths"] == [1.0, 2 / 3, 1 / 3, 0.0]


def test_the_search_learns_where_the_scores_are_low(
    suite: Path, scored: Callable[[Score], list[Trial]]
) -> None:
    ran = scored(bowl)
    result, _ = tune(suite, "constant", trials=24)
    assert len(ran) == 24
    errors = [bowl(trial) for trial in ran]
    drawn = random_trials(24)
    assert statistics.median(errors[drawn:]) < statistics.median(errors[:drawn])
    assert result["trials"][result["best"]]["mean"] == min(errors)
    assert abs(result["entry"]["strength"] - 0.4) < 0.15


def test_held_out_numbers_change_nothing_and_are_not_shown(
    suite: Path, scored: Callable[..., list[Trial]]
) -> None:
    scored(bowl, heldout=98765.0)
    one, printed = tune(suite, "constant", "one", trials=6)
    scored(bowl, heldout=-98765.0)
    other, _ = tune(suite, "constant", "other", trials=6)
    assert {**one, "finished_at": 0} == {**other, "finished_at": 0}
    assert "held-out" not in printed
    assert "98765" not in printed


def test_what_is_asked_next_does_not_depend_on_who_comes_home_first(suite: Path) -> None:
    tuning = planned(suite, "constant", trials=7, seeds=2, at_once=3)

    def search(order: random.Random) -> list[Candidate]:
        rounds = Rounds(tuning, *ask_and_tell(tuning))
        while not rounds.finished:
            out = []
            while (trial := rounds.next()) is not None:
                out.append(trial)
            assert len(out) <= 6
            order.shuffle(out)
            for trial in out:
                rounds.report(trial.id, bowl(trial))
        return rounds.candidates

    found = [search(random.Random(i)) for i in range(4)]
    assert len(found[0]) == 7
    assert all(other == found[0] for other in found)


def test_an_interrupted_tuning_goes_on_and_a_finished_one_runs_nothing(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.running import one_trial

    real, calls = one_trial.work_on, []

    def interrupted(trial: Trial, *arguments: Any, **settings: Any) -> Record | None:
        calls.append(trial.id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(trial, *arguments, **settings)

    monkeypatch.setattr(one_trial, "work_on", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune(suite, "phased", trials=4)
    records = suite.parent / "runs" / "records"
    before = {path: path.stat().st_mtime_ns for path in records.iterdir()}
    assert {path.stem for path in before} == set(calls[:2])
    resumed, _ = tune(suite, "phased", trials=4)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    asked = [trial["records"][0] for trial in resumed["trials"]]
    assert asked[:3] == calls[:3]
    assert {path.stem for path in records.iterdir()} == set(asked)
    record = json.loads((records / f"{asked[3]}.json").read_text())
    assert record[DENSITY.validation_score] == resumed["trials"][3]["mean"]
    assert not {"fid", "kid", "leakage"} & {key.partition("_")[0] for key in record}
    assert not (suite.parent / "runs" / "models" / asked[3]).exists()

    monkeypatch.setattr(one_trial, "work_on", lambda *_, **__: pytest.fail("nothing is left to run"))
    again, _ = tune(suite, "phased", trials=4)
    assert {**again, "finished_at": 0} == {**resumed, "finished_at": 0}
    longer = planned(suite, "phased", trials=5)
    assert longer.trial(longer.starts, 1000).id == asked[0], "a longer search shares what it can"


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmark import cli

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmark.running.one_trial.work_on", interrupt)
    monkeypatch.chdir(suite.parent)
    monkeypatch.setattr(sys, "argv", ["bench", "tune", str(suite), "--strategy", "phased", "--local"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wish", "first", "second"),
    [
        ({"strategy": "phazed"}, "strategy 'phazed' is unknown", "Did you mean 'phased'"),
        ({"strategy": "phased", "trials": 0}, "--trials 0: must be at least 2", "the strategy's defaults"),
        ({"strategy": "phased", "seeds": 0}, "--seeds 0: must be at least 1", "every tuning seed"),
        ({"strategy": "phased", "at_once": 0}, "--max-concurrent 0: must be", "at once"),
        ({"strategy": "phased", "budget": 21}, "--budget 21 is not one of", "Its budgets: 20, 40, 60"),
        ({"strategy": "phased", "dataset": "digit"}, "--dataset 'digit' is unknown", "'digits'"),
        (
            {"strategy": "matched"},
            "strategy 'matched' declares nothing to tune",
            "add to class Matched: tunable",
        ),
        ({"strategy": "bad"}, "strategy 'bad' cannot be tuned", "ends are accepted; .*falling down"),
    ],
)
def test_bad_input_is_two_lines(suite: Path, wish: dict[str, Any], first: str, second: str) -> None:
    refusal = "        if strength > 0.8:\n            raise ValueError('falling down')\n"
    source = MINE.replace("Mine", "Bad").replace(
        "        self._strength,", f"{refusal}        self._strength,"
    )
    suite.with_name("bad.py").write_text(source)
    text = suite.read_text()
    suite.write_text(
        text.replace("  - none\n", "  - none\n  - matched\n  - {name: './bad.py:Bad', label: bad}\n")
    )
    with pytest.raises(UserError) as caught:
        planned(suite, **wish)
    assert str(caught.value).count("\n") == 1
    assert first in caught.value.message
    assert re.search(second, caught.value.hint)


@pytest.mark.parametrize("strategy", ["phased", "constant", "mine", "none"])
def test_the_entry_can_be_pasted_into_the_suite(
    suite: Path, scored: Callable[[Score], list[Trial]], strategy: str
) -> None:
    def score(trial: Trial) -> float:  # the defaults are the worst there is
        at_start = trial.resolved() == replace(tuning.template, seed=trial.seed).resolved()
        return 5.0 if at_start else 4 + int(trial.id, 16) / 2**64

    tuning = planned(suite, strategy)
    scored(score)
    result, printed = tune(suite, strategy, trials=3, seeds=2)
    assert result["best"] > 0
    assert result["entry_yaml"] in printed
    pasted = suite.with_name("pasted.yaml")
    head, tail = suite.read_text().split("strategies:\n")
    tail = tail[tail.index("augmentation_space") :]
    baseline = "" if strategy == "none" else f"baseline: {tuning.label}\n"
    pasted.write_text(f"{head}strategies:\n{result['entry_yaml']}{baseline}{tail}")
    trial = plan_trials(load_suite(pasted))[0]
    best = Store(suite.parent / "runs").load(result["trials"][result["best"]]["records"][0])
    assert best is not None
    assert trial.resolved()["strategy"] == best["trial"]["strategy"]
    assert trial.resolved()["model"] == best["trial"]["model"]
    note = load_suite(pasted).settings.strategies[0].tuning
    assert note is not None
    assert (note.trials, note.seeds, note.budget, note.dataset) == (3, (1000, 1001), 40, "digits")


def test_a_note_of_tuning_changes_no_trial_but_the_manifest(suite_file: Path) -> None:
    from benchmark.running.manifest import manifest_of

    plain = plan_trials(load_suite(suite_file))
    note = "tuning: {trials: 10, seeds: [1000], budget: 20, dataset: digits}"
    text = suite_file.read_text()
    suite_file.write_text(text.replace("stages: [prior]}", "stages: [prior], " + note + "}"))
    noted = load_suite(suite_file)
    assert [trial.id for trial in plan_trials(noted)] == [trial.id for trial in plain]
    choices = manifest_of(noted, suite_file, plain)["strategies"]
    tuned = {"trials": 10, "seeds": [1000], "budget": 20, "dataset": "digits"}
    assert choices == {"none": {"set": [], "tuning": None}, "phased": {"set": [], "tuning": tuned}}
    for right, wrong, message in (
        ("seeds: [1000]", "seeds: [0]", "was tuned on seeds of the suite: 0"),
        ("trials: 10", "trials: 0", "greater than or equal to 1"),
        ("budget: 20", "budgt: 20", "key 'budgt' is unknown\nDid you mean 'budget'?"),
    ):
        broken = note.replace(right, wrong)
        suite_file.write_text(text.replace("stages: [prior]}", "stages: [prior], " + broken + "}"))
        with pytest.raises(UserError) as caught:
            load_suite(suite_file)
        assert message in str(caught.value)


def test_a_failed_trial_leaves_its_setting_out_and_gives_exit_code_1(
    suite: Path, scored: Callable[[Score], list[Trial]]
) -> None:
    ran = scored(lambda trial: None if trial.strategy.parameters["strength"] == 1.0 else bowl(trial))
    stream = io.StringIO()
    store = Store(suite.parent / "runs")
    well = tune_suite(
        suite,
        store,
        plain_console(stream),
        TuneOptions(Wish("constant", trials=3), engine_of(local=True)),
    )
    assert not well
    assert len(ran) == 3
    assert f"FAILED {ran[0].id}: no luck" in stream.getvalue()
    assert "The defaults have no score" in stream.getvalue()
    result = json.loads((store.root / "tuning" / "tiny" / "constant.json").read_text())
    assert [trial["rank"] for trial in result["trials"]].count(None) == 1
    assert result["trials"][0]["mean_null_reason"]
    scored(lambda trial: None)
    assert not tune_suite(
        suite, store, plain_console(stream), TuneOptions(Wish("phased", trials=2), engine_of(local=True))
    )
    assert "nothing was found" in stream.getvalue()


def scored_rounds(suite: Path, seeds: int, score: Callable[[int, int], float]) -> Rounds:
    """Return a search of four settings whose scores are a function of (setting, seed's position)."""
    tuning = planned(suite, "constant", trials=4, seeds=seeds)
    rounds = Rounds(tuning, *ask_and_tell(tuning))
    while (trial := rounds.next()) is not None:
        number = rounds.candidate_of(trial.id).number
        rounds.report(trial.id, score(number, tuning.seeds.index(trial.seed)))
    return rounds


def said(rounds: Rounds) -> tuple[str, dict[str, Any]]:
    best = ranked(rounds)[0][0]
    found = difference(rounds, best)
    return conclusion(best, found, "bits/dim"), found


def test_the_result_says_whether_it_is_more_than_noise(suite: Path) -> None:
    one, found = said(scored_rounds(suite, 1, lambda number, _: 3 - 0.1 * number))
    assert "whether that is more than noise cannot be said" in one
    assert found["low"] is None
    assert found["low_null_reason"]
    sure, found = said(
        scored_rounds(suite, 4, lambda number, seed: 3 - 0.1 * number + (1 + number % 2) * seed / 1e3)
    )
    assert "more than noise." in sure
    assert found["low"] < found["mean"] < found["high"] < 0
    assert found["comparisons"] == 3
    unsure, found = said(scored_rounds(suite, 4, lambda number, seed: 3 - 0.1 * number * (seed - 1.2)))
    assert "no more than noise can give" in unsure
    assert found["high"] > 0
    same, _ = said(scored_rounds(suite, 2, lambda number, _: 3 + number))
    assert "No setting did better than the defaults" in same


def test_the_interval_is_students_widened_for_the_number_of_settings(suite: Path) -> None:
    from scipy.stats import ttest_rel

    rounds = scored_rounds(suite, 5, lambda number, seed: 3 - 0.1 * number + 0.01 * (seed * number) ** 1.5)
    best, first = ranked(rounds)[0][0], rounds.candidates[0]
    one, other = ([rounds.scores[t.id] for t in c.trials] for c in (best, first))
    expected = ttest_rel(one, other).confidence_interval(1 - 0.05 / 3)
    found = difference(rounds, best)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_none_is_tuned_by_the_priors_dropout(suite: Path) -> None:
    tuning = planned(suite, "none")
    trial = tuning.trial({"model.prior.dropout": 0.5}, 1000)
    assert trial.model.prior.dropout == 0.5
    assert replace(trial.model.prior, dropout=0.1) == tuning.template.model.prior
    candidate = Candidate(1, {"model.prior.dropout": 0.5}, (trial,))
    assert entry_of(tuning, candidate)["model"] == {"prior": {"dropout": 0.5}}
    assert "dropout: 0.5" in entry_yaml(entry_of(tuning, candidate))


def test_ray_and_local_try_the_same_settings(suite: Path) -> None:
    def result(run: Callable[..., Ended], *options: str) -> dict[str, Any]:
        wish = ("--strategy", "phased", "--trials", 5, "--budget", 20, "--max-concurrent", 2)
        done = run("tune", suite, *wish, *options, cwd=suite.parent)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "phased" in done.stdout
        result = json.loads((suite.parent / options[1] / "tuning" / "tiny" / "phased.json").read_text())
        return {**result, "finished_at": None}

    assert result(bench_alone, "--runs", "ray") == result(bench, "--runs", "serial", "--local")
    ray, serial = (suite.parent / name / "records" for name in ("ray", "serial"))
    assert {path.name for path in ray.iterdir()} == {path.name for path in serial.iterdir()}
    assert len(list(ray.iterdir())) == 5


def test_the_declared_spaces_round_to_what_is_run(suite: Path) -> None:
    tuning = planned(suite, "constant")
    rounded = tuning.rounded({"strength": 0.123456, "probability": 0.99999})
    assert rounded == {"strength": 0.123, "probability": 1.0}
    assert Constant(**tuning.trial(rounded, 0).strategy.parameters).strength(0.5) == 0.123
    phased = planned(suite, "phased")
    changes = phased.changes({"first": 0.7, "clean": 0.35})
    assert Phased(**changes).strength(0.66) == 0.0
