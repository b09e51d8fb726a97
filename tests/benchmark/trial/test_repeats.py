"""`repeats:` in a suite: the same subset with other training noise, and more samples of the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from safetensors.torch import load_file

from benchmark.commands.run import engine_of
from benchmark.cost.estimate import Probe, estimate_cost, kind_of
from benchmark.errors import UserError
from benchmark.planning.only import only
from benchmark.planning.plan import plan_trials
from benchmark.planning.seeds import seed_for, subset_seed
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.planning.work import shared_groups
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store

pytestmark = pytest.mark.xdist_group("repeats")  # one run of four trials
# of tests/conftest.py's suite, as they were before there were repeats
FROZEN_IDS = {"none": "aeb7b60eccf2d36a", "phased": "2c08885ad2746789"}
FROZEN_SEEDS = {
    "model": 411166564022200673,
    "views": 4385569746192180959,
    "sampling": 5485992135657620670,
    "scoring": 4374288351602274072,
}
FROZEN_SUBSET = 8571744854018424650


def planned(path: Path, text: str, repeats: str = "") -> list[Trial]:
    path.write_text(text + (f"repeats: {repeats}\n" if repeats else ""))
    return plan_trials(load_suite(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.yaml"


@pytest.mark.parametrize("repeats", ["", "{initialisations: 1, samplings: 1}", "{initialisations: 3}"])
def test_initialisation_0_is_the_trial_there_always_was(path: Path, suite_text: str, repeats: str) -> None:
    first = [t for t in planned(path, suite_text, repeats) if not t.initialisation]
    assert {t.strategy.label: t.id for t in first} == FROZEN_IDS
    for trial in first:
        assert {purpose: seed_for(trial, purpose) for purpose in FROZEN_SEEDS} == FROZEN_SEEDS
        assert subset_seed(trial) == FROZEN_SUBSET
        assert trial.title == f"digits/20/{trial.strategy.label}/seed0"


def test_repeats_share_the_subset_and_nothing_else(path: Path, suite_text: str) -> None:
    trials = planned(path, suite_text, "{initialisations: 3}")
    assert len(trials) == len({t.id for t in trials}) == len({t.title for t in trials}) == 6
    assert len({subset_seed(t) for t in trials}) == 1
    for purpose in FROZEN_SEEDS:
        assert len({seed_for(t, purpose) for t in trials}) == 3  # strategies of a repeat share it
    assert len({shared_groups(t)["codes"] for t in trials}) == 3  # the auto-encoder is trained anew
    seeds = {seed_for(t, "sampling", n) for t in trials for n in range(4)}
    assert len(seeds) == 3 * 4


def test_several_samplings_are_another_trial(path: Path, suite_text: str) -> None:
    one, two, three = (
        [t.id for t in planned(path, suite_text, f"{{samplings: {count}}}")] for count in (1, 2, 3)
    )
    assert not set(one) & set(two)
    assert not set(two) & set(three)
    assert len(one) == len(two) == 2


@pytest.mark.parametrize(
    ("repeats", "said"),
    [
        ("{initialisations: 0}", "repeats.initialisations is 0\nInput should be greater than or equal to 1"),
        ("{samplings: two}", "repeats.samplings is 'two'\na whole number is expected"),
        ("{samplings: true}", "repeats.samplings is true\na whole number is expected"),
        (
            "{sampling: 2}",
            "key 'sampling' is unknown\nDid you mean 'samplings'? Known: initialisations, samplings",
        ),
    ],
)
def test_mistakes_are_two_lines(path: Path, suite_text: str, repeats: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        planned(path, suite_text, repeats)
    line = suite_text.count("\n") + 1
    assert str(caught.value) == f"{path}:{line}: {said}"


def test_only_picks_a_repeat(path: Path, suite_text: str) -> None:
    trials = planned(path, suite_text, "{initialisations: 2}")
    assert [t.title for t in only(trials, ["initialisation=1,strategy=none"])] == [
        "digits/20/none/seed0/initialisation1"
    ]


def test_further_samplings_cost_sampling_and_scoring_only(path: Path, suite_text: str) -> None:
    costs = []
    for count in (1, 3):
        trials = planned(path, suite_text, f"{{samplings: {count}}}")
        probe = Probe("cpu", False, {"codes": 1.0, "prior": 1.0}, *[1.0] * 10, 1, {"codes": 1}, 1, None)
        costs.append(estimate_cost(trials, {kind_of(t): probe for t in trials}))
    assert costs[1].stage_hours["sampling"] == pytest.approx(3 * costs[0].stage_hours["sampling"])
    assert costs[1].stage_hours["scoring"] > costs[0].stage_hours["scoring"]
    assert costs[1].stage_hours["prior"] == costs[0].stage_hours["prior"]


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, suite_text: str
) -> tuple[Path, dict[tuple[str, int], dict[str, Any]]]:
    """Run two initialisations of both strategies with two sets of samples; return runs and records."""
    folder = tmp_path_factory.mktemp("repeats")
    path, store = folder / "tiny.yaml", Store(folder / "runs")
    trials = planned(path, suite_text, "{initialisations: 2, samplings: 2}")
    assert not run_suite(path, store, Console(quiet=True), Options(RunSettings(), engine_of(local=True)))
    loaded = {(t.strategy.label, t.initialisation): store.load(t.id) for t in trials}
    return store.root, {name: record for name, record in loaded.items() if record is not None}


Ran = tuple[Path, dict[tuple[str, int], dict[str, Any]]]


def test_records_carry_their_repeat_and_every_sampling(ran: Ran) -> None:
    _, records = ran
    assert len(records) == 4
    for (_, initialisation), record in records.items():
        assert record["status"] == "done"
        assert record["initialisation"] == initialisation
        repeated = record["repeated_scores"]
        assert {"kid", "fid", "recall", "kid_pixels", "nearest_training_ratio"} <= set(repeated)
        assert "rfid" not in repeated  # no sample enters it
        for key, values in repeated.items():
            assert len(values) == 2
            assert values[0] == record[key]
        assert repeated["kid"][0] != repeated["kid"][1]
        assert 0 < record["repeated_seconds"] < record["wall_seconds"]
    assert len({json.dumps(r["budget_indices"]) for r in records.values()}) == 1


def test_the_first_set_is_what_one_sampling_gives(ran: Ran, path: Path, suite_text: str) -> None:
    trial = planned(path, suite_text)[0]
    store = Store(path.parent / "runs")
    assert not run_suite(
        path,
        store,
        Console(quiet=True),
        Options(RunSettings(), engine_of(local=True), only=("strategy=none",)),
    )
    alone, among = store.load(trial.id), ran[1]["none", 0]
    assert alone is not None
    assert "repeated_scores" not in alone
    for key in ("bpd_heldout", "kid", "kid_low", "fid", "recall", "rfid", "curve_rate_heldout_bpd"):
        assert alone[key] == among[key], key


def test_another_initialisation_has_other_weights_and_its_own_auto_encoder(ran: Ran) -> None:
    root, records = ran
    models = {name: load_file(root / "models" / r["id"] / "model.safetensors") for name, r in records.items()}
    shared = [key for key in models["none", 0] if key.startswith("vqvae.")]
    for initialisation in (0, 1):
        ours, theirs = models["none", initialisation], models["phased", initialisation]
        assert all(np.array_equal(ours[key], theirs[key]) for key in shared)
    weights = [key for key in shared if models["none", 0][key].ndim > 1]
    assert not any(np.array_equal(models["none", 0][k], models["none", 1][k]) for k in weights)
    assert len(list((root / "codes").glob("*.safetensors"))) == 2


def test_the_manifest_tells_repeats_apart_and_a_finished_suite_reruns_nothing(ran: Ran) -> None:
    root, records = ran
    manifest = json.loads((root / "suites" / "tiny.json").read_text())
    assert [entry.get("initialisation", 0) for entry in manifest["trials"]] == [0, 1, 0, 1]
    assert "initialisation" not in manifest["trials"][0]
    assert {entry["id"] for entry in manifest["trials"]} == {r["id"] for r in records.values()}
    with (root.parent / "out.txt").open("w") as stream:
        options = Options(RunSettings(), engine_of(local=True), dry_run=True)
        run_suite(root.parent / "tiny.yaml", Store(root), Console(file=stream), options)
    assert "4 trials: 4 done" in (root.parent / "out.txt").read_text()
