"""What a suite costs: planned without its images, probed on the real model, multiplied out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running_bench import bench

from benchmark.cost.estimate import (
    Probe,
    cost_lines,
    estimate_cost,
    kind_of,
    probes_path,
    read_probes,
    write_probes,
)
from benchmark.cost.measure import probe_trials
from benchmark.cost.stand_ins import plan_for_cost
from benchmark.data import load_dataset
from benchmark.data.decoding import Shape
from benchmark.data.packing import pack
from benchmark.data.places import Folder
from benchmark.data.recipes import select
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.recipe import run_trial

SUITES = Path(__file__).parents[3] / "suites"
PROBE = Probe(
    device="a test",
    synthetic=True,
    step_seconds={"codes": 2.0, "prior": 3.0},
    evaluation_image_seconds=0.0,
    sample_image_seconds=1.0,
    likelihood_image_seconds=0.0,
    feature_image_seconds=0.0,
    metrics_seconds=0.0,
    floor_seconds=0.0,
    extractor_seconds=0.0,
    leakage_step_seconds=0.5,
    leakage_view_seconds=0.01,
    leakage_set_seconds=0.25,
    model_bytes=1000,
    shared_bytes={"codes": 10},
    checkpoint_bytes=7,
    peak_memory_bytes=None,
)


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    """Each test names data of its own by $BENCH_DATA."""
    load_dataset.cache_clear()


def faces(folder: Path, count: int, name: str) -> Path:
    """Stub images in the layout of a recipe's distribution."""
    for i in range(count):
        if name == "ffhq":
            path = folder / "images1024x1024" / "00000" / f"{i:05}.png"
        else:
            path = folder / ("train" if i % 7 else "test") / "cat" / f"{i:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return folder


def test_the_papers_suite_plans_on_prepared_stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    for name in ("ffhq", "afhqv2-cat"):
        place = Folder(faces(tmp_path / f"raw-{name}", 28, name))
        decide = select(name, place, any_count=True).decide
        pack(place, tmp_path / f"{name}-256", Shape(256), decide=decide, processes=1)
    text = (SUITES / "paper.yaml").read_text()
    assert "budgets: [1000, 5000]" in text
    (tmp_path / "paper.yaml").write_text(text.replace("budgets: [1000, 5000]", "budgets: [10, 20]"))
    trials = plan_trials(load_suite(tmp_path / "paper.yaml"))
    assert len(trials) == 60
    assert {trial.model.size for trial in trials} == {256}
    assert {trial.dataset.name for trial in trials} == {"ffhq", "afhqv2-cat"}
    assert all(len(trial.fingerprint) == 16 for trial in trials)


def test_the_papers_suite_plans_without_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    suite = load_suite(SUITES / "paper.yaml")
    trials, absent = plan_for_cost(suite)
    assert absent == ["ffhq", "afhqv2-cat"]
    assert len(trials) == 60
    with pytest.raises(UserError, match=r"paper\.yaml:\d+: dataset 'ffhq': 'ffhq' is not prepared"):
        plan_trials(suite)


def test_every_choice_of_ours_is_marked_in_the_papers_suite() -> None:
    text = (SUITES / "paper.yaml").read_text()
    for key in ("budgets:", "seeds:", "strategies:", "augmentation_space:", "training:", "model:"):
        (line,) = [line for line in text.splitlines() if line.startswith(key)]
        assert "ours" in line, line


def test_the_small_suite_plans_without_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    trials, absent = plan_for_cost(load_suite(SUITES / "small_color.yaml"))
    assert absent == ["cats"]
    assert len(trials) == 72
    assert not (tmp_path / "torchvision").exists()
    assert len({kind_of(trial) for trial in trials}) == 1


def test_an_estimate_adds_up(suite_file: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1]"))
    trials, absent = plan_for_cost(load_suite(suite_file))
    assert absent == []
    (kind,) = {kind_of(trial) for trial in trials}
    cost = estimate_cost(trials, {kind: PROBE})
    assert (cost.trials, cost.trained) == (4, {"codes": 2})  # two strategies of a seed share one
    assert cost.stage_hours["codes"] == pytest.approx(2 * 6 * 2.0 / 3600)
    assert cost.stage_hours["prior"] == pytest.approx(4 * 6 * 3.0 / 3600)
    assert cost.stage_hours["sampling"] == pytest.approx(4 * 40 * 1.0 / 3600)
    assert cost.hours == pytest.approx(
        cost.stage_hours["codes"] + cost.stage_hours["prior"] + cost.stage_hours["sampling"]
    )
    assert cost.disk_bytes > 4 * 1000 + 2 * 10
    twice = estimate_cost(trials, {kind: replace(PROBE, step_seconds={"codes": 2.0, "prior": 6.0})})
    assert twice.stage_hours["prior"] == pytest.approx(2 * cost.stage_hours["prior"])
    with pytest.raises(UserError, match="was not probed"):
        estimate_cost(trials, {})


@pytest.fixture
def _own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks show what this process has worked: other load moves neither a probe nor a trial."""
    monkeypatch.setattr(time, "perf_counter", time.process_time)


@pytest.mark.usefixtures("_own_time")
def test_a_probe_predicts_what_a_trial_takes(suite_file: Path, tmp_path: Path) -> None:
    text = suite_file.read_text().replace("steps: 6, batch: 8", "steps: 60, batch: 8")
    suite_file.write_text(text)
    trials, absent = plan_for_cost(load_suite(suite_file))
    silent = lambda stage, step, of: None  # noqa: E731
    probes = probe_trials(trials, absent, device="cpu", threads=1, steps=20, progress=silent)
    (probe,) = probes.values()
    assert probe.synthetic is False
    record, _ = run_trial(trials[0], Store(tmp_path / "runs"), Attempt())
    cost = estimate_cost(trials[:1], probes)
    assert 0.4 < cost.stage_hours["prior"] * 3600 / record["prior_seconds"] < 2.5
    assert 0.4 < cost.stage_hours["codes"] * 3600 / record["codes_seconds"] < 2.5
    folder = tmp_path / "runs" / "models" / trials[0].id
    assert probe.model_bytes == pytest.approx(sum(p.stat().st_size for p in folder.iterdir()), rel=0.05)


def test_leakage_probes_are_counted_once_for_a_data_set_and_space(suite_file: Path) -> None:
    text = suite_file.read_text().replace("metrics: [", "metrics: [leakage, ")
    suite_file.write_text(text.replace("seeds: [0]", "seeds: [0, 1]"))
    trials, _ = plan_for_cost(load_suite(suite_file))
    assert len(trials) == 4
    cost = estimate_cost(trials, dict.fromkeys(map(kind_of, trials), PROBE))
    assert cost.probe_sets == 1
    assert cost.stage_hours["probes"] == pytest.approx((2 * 600 * 0.5 + 40 * (3 + 3) * 0.01) / 3600)
    assert cost.stage_hours["scoring"] == pytest.approx(4 * 0.25 / 3600)
    assert any("1 pairs of leakage probes" in line for line in cost_lines(cost, {"a": PROBE}, ()))


@pytest.mark.usefixtures("_own_time")
def test_a_probe_predicts_what_scoring_and_leakage_probes_take(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("benchmark.metrics.probe", "benchmark.cost.estimate"):  # not 600
        monkeypatch.setattr(f"{module}.probe_steps", lambda size: 100)
    text = suite_file.read_text().replace("metrics: [", "metrics: [leakage, fid_floor, copying_z, ")
    suite_file.write_text(
        text.replace("heldout: 40", "heldout: 200").replace("budgets: [20]", "budgets: [200]")
    )
    trials, absent = plan_for_cost(load_suite(suite_file))
    silent = lambda stage, step, of: None  # noqa: E731
    probes = probe_trials(trials, absent, device="cpu", threads=1, steps=20, progress=silent)
    seconds: dict[str, float] = {}
    began = time.process_time()

    def hear(stage: str, step: int, of: int) -> None:
        nonlocal began
        if step == of:
            seconds[stage] = time.process_time() - began
        if step in (0, of):
            began = time.process_time()

    run_trial(trials[0], Store(tmp_path / "runs"), Attempt(progress=hear))
    cost = estimate_cost(trials[:1], probes)
    assert 0.4 < cost.stage_hours["probes"] * 3600 / seconds["probes"] < 2.5
    assert 0.4 < cost.stage_hours["scoring"] * 3600 / seconds["scoring"] < 2.5


def told(suite: Path, *options: str) -> str:
    """Return what `bench run` prints where no data set is prepared."""
    absent = {"BENCH_DATA": str(suite.parent / "data")}
    done = bench("run", suite, *options, cwd=suite.parent, environment=absent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_probe_works_without_the_images_and_a_dry_run_remembers_it(suite_file: Path) -> None:
    dataset = "{name: digits, source: digits, size: 16, heldout: 40}"
    text = suite_file.read_text()
    assert dataset in text
    suite_file.write_text(text.replace(dataset, "{name: cats, source: cifar10, classes: [cat], size: 16}"))
    before = told(suite_file, "--dry-run")
    assert "not here: cats" in before
    assert "cost: not measured yet" in before
    assert not (suite_file.parent / "runs").exists()
    probed = told(suite_file, "--probe")
    assert len(read_probes(suite_file.parent / "runs" / "cost" / "tiny.json")) == 1
    assert not (suite_file.parent / "runs" / "records").exists()
    for said in (probed, told(suite_file, "--dry-run")):
        assert "tiny: 2 trials: 0 done, 2 never run" in said
        assert "not here, so noise of their shape was used: cats" in said
        assert "2 trials, 1 x stage codes to train" in said
        assert "h of one" in said
        assert "disk: " in said


def test_a_dry_run_counts_what_is_left(suite_file: Path) -> None:
    trials, absent = plan_for_cost(load_suite(suite_file))
    write_probes(probes_path(suite_file.parent / "runs", "tiny"), {kind_of(trials[0]): PROBE})
    assert absent == []
    assert "2 trials, 1 x stage codes to train" in told(suite_file, "--dry-run")
    assert "1 trials, 1 x stage codes to train" in told(suite_file, "--dry-run", "--only", "strategy=none")
    told(suite_file, "--local")
    assert "cost" not in told(suite_file, "--dry-run")
