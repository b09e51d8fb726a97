"""A suite may name a family, built in or a user's own: it trains, is scored, is drawn from, or refused."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.errors import UserError
from benchmark.families.checks import check_family
from benchmark.families.registry import family_of
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.running.preflight import preflight
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Record, Store
from benchmark.tuning.search_plan import Wish, plan_tuning

COLUMN = Path(__file__).with_name("column.py")
SUITE = """\
datasets:
  - {name: digits, source: digits, size: 16, heldout: 40}
budgets: [20]
seeds: [0]
strategies: [none, phased, {name: adaptive, stages: [STAGE]}]
augmentation_space: {rotation: 30}
model: {family: FAMILY}
training: {STAGE: {steps: 6, batch: 8}}
evaluation: {metrics: [fid, rfid], extractor: pixels}
"""


def bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmark.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def suite_of(folder: Path, family: str, stage: str) -> Path:
    shutil.copy(COLUMN, folder / "mine.py")
    path = folder / "tiny.yaml"
    path.write_text(SUITE.replace("FAMILY", family).replace("STAGE", stage))
    return path


def test_a_family_of_sixty_lines_passes_the_battery() -> None:
    check_family(family_of(f"{COLUMN}:Column").load(), channels=(1,))


@pytest.mark.parametrize(
    ("family", "stage", "name"),
    [("marginals", "counts", "marginals"), ("./mine.py:Column", "means", "Column")],
)
def test_a_suite_of_another_family_runs_and_is_drawn_from(
    tmp_path: Path, family: str, stage: str, name: str
) -> None:
    path = suite_of(tmp_path, family, stage)
    done = bench("run", "tiny.yaml", "--local", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(tmp_path / "runs")
    records = {record["strategy"]: record for record in store.records()}
    assert [record["status"] for record in records.values()] == ["done"] * 3
    for record in records.values():
        _has_keys_of(record, name, stage)
    assert records["phased"]["mean_strength"] == records["phased"][f"mean_strength_{stage}"] > 0
    manifest = json.loads(store.manifest_path("tiny").read_text())
    assert (manifest["task"], manifest["family"]) == ("density", name)
    assert manifest["headline"]["key"] == "bpd_heldout"
    drawn = bench("sample", records["none"]["id"], "-n", "3", "--output", "drawn", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stdout + drawn.stderr
    assert len(list((tmp_path / "drawn").glob("0*.png"))) == 3
    if family.startswith("./"):
        (tmp_path / "mine.py").write_text(COLUMN.read_text() + "\n# edited\n")
        edited = bench("sample", records["none"]["id"], "--output", "drawn", cwd=tmp_path)
        assert edited.returncode == 2
        assert "has changed since it was trained" in edited.stderr
        again = plan_trials(load_suite(path))
        assert not {trial.id for trial in again} & {record["id"] for record in records.values()}


def _has_keys_of(record: Record, family: str, stage: str) -> None:
    assert record["family"] == family
    assert record[f"{stage}_steps"] == 6
    assert record["bpd_heldout"] == pytest.approx(record["pixels_bpd"])
    assert 0 < record["bpd_marginals"] < 8
    for score in ("rfid", "reconstruction_mse"):
        assert record[score] is None
        assert "no representation" in record[f"{score}_null_reason"]
    if (family, record["strategy"]) == ("marginals", "none"):
        assert record["bpd_heldout"] == pytest.approx(record["bpd_marginals"], abs=1e-9)


def test_the_key_of_a_trial_names_its_family_unless_it_is_pc_vq2(tmp_path: Path, suite_file: Path) -> None:
    assert "family" not in plan_trials(load_suite(suite_file))[0].resolved()
    path = suite_of(tmp_path, "marginals", "counts")
    assert plan_trials(load_suite(path))[0].resolved()["family"] == "marginals"
    own = plan_trials(load_suite(suite_of(tmp_path, "./mine.py:Column", "means")))[0]
    key = own.resolved()["family"]
    assert (key["name"], len(key["source_hash"])) == ("Column", len(own.family_code.source_hash or ""))


def test_a_trial_of_a_users_family_travels_to_a_process_that_never_saw_its_file(tmp_path: Path) -> None:
    trial = plan_trials(load_suite(suite_of(tmp_path, "./mine.py:Column", "means")))[0]
    (tmp_path / "trial.pickle").write_bytes(pickle.dumps(trial))
    (tmp_path / "mine.py").unlink()
    code = (
        "import pickle, pathlib\n"
        "trial = pickle.loads(pathlib.Path('trial.pickle').read_bytes())\n"
        "print(trial.id, trial.family.build(trial.model, seed=0, device='cpu').parameters_count)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [trial.id, "1"], done.stderr


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("marginals}", "marginal}", 7, "family 'marginal' is unknown\nDid you mean 'marginals'?"),
        ("marginals}", "./none.py:Mine}", 7, "none.py does not exist"),
        ("marginals}", "./mine.py:Mine}", 7, "has no class 'Mine'"),
        ("marginals}", "./mine.py:Spread}", 7, "is not a subclass of benchmark.families"),
        ("marginals}", "marginals, preset: tiny}", 7, "preset 'tiny' is unknown"),
        ("marginals}", "marginals, prior: {layers: 2}}", 7, "key 'prior' is unknown"),
        ("{counts:", "{count:", 8, "key 'count' is unknown\nDid you mean 'counts'?"),
        ("stages: [counts]", "stages: [count]", 5, "stage of family 'marginals' 'count' is unknown"),
        ("steps: 6", "stepz: 6", 8, "key of training.counts 'stepz' is unknown\nDid you mean 'steps'?"),
        ("phased,", "conditional,", 5, "cannot be told what was done to an image"),
        ("[none, phased", "[{name: none, model: {family: pc-vq2}}, phased", 5, "model.family"),
    ],
)
def test_a_wrong_word_is_explained_at_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    path = suite_of(tmp_path, "marginals", "counts")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError) as caught:
        plan_trials(load_suite(path))
    whole = f"{caught.value.message}\n{caught.value.hint}"
    assert f"{path}:{line}:" in whole
    assert said in whole


def test_a_family_that_breaks_a_rule_is_refused_before_any_training(tmp_path: Path) -> None:
    path = suite_of(tmp_path, "./mine.py:Column", "means")
    source = COLUMN.read_text().replace('{"pixels": total}', '{"pixels": total * 2}')
    (tmp_path / "mine.py").write_text(source)
    suite = load_suite(path)
    with pytest.raises(UserError, match="family 'Column' fails on the model of strategy '") as caught:
        preflight(suite, plan_trials(suite), tmp_path / "runs", RunSettings())
    assert "the terms of the ledger add up to its total" in caught.value.hint


def test_a_model_without_dropout_leaves_none_nothing_to_tune(tmp_path: Path) -> None:
    suite = load_suite(suite_of(tmp_path, "marginals", "counts"))
    with pytest.raises(UserError, match="'none' has nothing to tune") as caught:
        plan_tuning(suite, Wish("none"))
    assert "have no dropout" in caught.value.hint


def test_what_a_suite_of_another_family_costs_is_measured_by_its_stages(tmp_path: Path) -> None:
    suite_of(tmp_path, "./mine.py:Column", "means")
    probed = bench("run", "tiny.yaml", "--probe", cwd=tmp_path)
    assert probed.returncode == 0, probed.stdout + probed.stderr
    assert "in means" in probed.stdout
    planned = bench("run", "tiny.yaml", "--dry-run", cwd=tmp_path)
    assert "3 trials to train" in planned.stdout


def test_families_and_their_presets_are_listed(tmp_path: Path) -> None:
    listed = " ".join(bench("list", "families", cwd=tmp_path).stdout.split())
    assert "pc-vq2" in listed
    assert "counts" in listed
    assert "tiny" in " ".join(bench("list", "presets", cwd=tmp_path).stdout.split())
