"""A source of the user's own: read, checked, listed, and known by its pixels."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmark.cli import main
from benchmark.commands.run import engine_of
from benchmark.data import DatasetSpec, load_dataset
from benchmark.data.checks import SourceError, check_source
from benchmark.data.names import SOURCES
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from strategies.contract.plugin import Plugin

OWN = """
import numpy as np


def load():
    'Squares of two brightnesses.'
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    return {"train": images[:40], "heldout": images[40:], "train_labels": np.arange(40) % 2,
            "heldout_labels": np.arange(20) % 2, "class_names": ["dark", "bright"]}
"""
CALLED = """
import numpy as np


class Load:
    def __call__(self, size=16):
        return np.random.default_rng(0).integers(0, 256, (60, size, size, 3), dtype=np.uint8)
"""


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def written(folder: Path, source: str, name: str = "load") -> str:
    (folder / "mine.py").write_text(source)
    return f"{folder / 'mine.py'}:{name}"


def test_it_is_a_data_set_like_any_other(tmp_path: Path) -> None:
    dataset = load_dataset(DatasetSpec("mine", written(tmp_path, OWN)))
    assert dataset.train.shape == (40, 16, 16, 1)
    assert dataset.heldout.shape == (20, 16, 16, 1)
    np.savez(
        tmp_path / "same.npz",
        train=dataset.train,
        test=dataset.heldout,
    )
    assert load_dataset(DatasetSpec("x", f"npz:{tmp_path / 'same.npz'}")).fingerprint == dataset.fingerprint
    dark = load_dataset(DatasetSpec("mine", written(tmp_path, OWN), classes=("dark",)))
    assert len(dark.train) == 20
    enlarged = load_dataset(DatasetSpec("mine", written(tmp_path, OWN), size=32, channels=3))
    assert enlarged.train.shape == (40, 32, 32, 3)


def test_a_class_is_called_with_the_size_it_asks_for_and_its_images_are_split(tmp_path: Path) -> None:
    dataset = load_dataset(DatasetSpec("mine", written(tmp_path, CALLED, "Load"), size=24))
    assert (len(dataset.train), len(dataset.heldout), dataset.size) == (48, 12, 24)


def test_a_suite_reads_it_beside_itself_and_again_when_it_changes(tmp_path: Path, suite_text: str) -> None:
    written(tmp_path, OWN)
    path = tmp_path / "a.yaml"
    path.write_text(
        suite_text.replace("{name: digits, source: digits, size: 16, heldout: 40}", "./mine.py:load")
    )
    trials = plan_trials(load_suite(path))
    assert trials[0].dataset.name == "load"
    run_suite(
        path, Store(tmp_path / "runs"), Console(quiet=True), Options(RunSettings(), engine_of(local=True))
    )
    assert all(Store(tmp_path / "runs").load(trial.id)["status"] == "done" for trial in trials)
    written(tmp_path, OWN + "# a remark\n")
    assert [trial.id for trial in plan_trials(load_suite(path))] == [trial.id for trial in trials]
    written(tmp_path, OWN.replace("default_rng(0)", "default_rng(1)"))
    assert plan_trials(load_suite(path))[0].fingerprint != trials[0].fingerprint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("dtype=np.uint8", "dtype=np.int32"), "returns 'train' of int32, 0 to 255"),
        (("(60, 16, 16)", "(60, 16, 16, 2)"), "shape (40, 16, 16, 2)"),
        (("(60, 16, 16)", "(60, 16, 20)"), "20x16, not square"),
        (('"heldout":', '"test":'), "a key that 'test' is unknown"),
        (('"train": images[:40], ', ""), "returns no 'train'"),
        (('["dark", "bright"]', '["dark"]'), "1 class_names and labels up to 1"),
        (("def load", "def lead"), "has no class 'load'"),
        (("import numpy", "import nothing_like_it, numpy"), "ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_used_is_said_in_two_lines(
    tmp_path: Path, suite_text: str, change: tuple[str, str], said: str
) -> None:
    written(tmp_path, OWN.replace(*change))
    path = tmp_path / "a.yaml"
    path.write_text(suite_text.replace("source: digits, size: 16, heldout: 40", 'source: "./mine.py:load"'))
    with pytest.raises(UserError) as error:
        plan_trials(load_suite(path))
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 2


def test_data_check_and_show_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, OWN)
    monkeypatch.chdir(tmp_path)
    assert bench(monkeypatch, "data", "check", "./mine.py:load") == 0
    assert "40 to train on, 20 held out, 16x16 grey" in capsys.readouterr().out
    assert bench(monkeypatch, "data", "show", "./mine.py:load", "--output", "sheet.png") == 0
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    assert bench(monkeypatch, "data", "check", "./none.py:load") == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("default_rng(0)", "default_rng()"), "something else the next time"),
        (("np.random.default_rng(0).integers(", "np.random.randint("), "global generator"),
        (("np.arange(20) % 2", "np.arange(20) / 2"), "labels"),
        (("images[40:]", "images[:0]"), "shape"),
    ],
)
def test_the_battery_finds_what_breaks_a_rule(tmp_path: Path, change: tuple[str, str], rule: str) -> None:
    written(tmp_path, OWN.replace(*change))
    with pytest.raises(SourceError, match=rule):
        check_source(Plugin.read(tmp_path / "mine.py", "load").load())


def test_the_battery_passes_sound_sources(tmp_path: Path) -> None:
    written(tmp_path, OWN + CALLED)
    check_source(Plugin.read(tmp_path / "mine.py", "load").load())
    check_source(Plugin.read(tmp_path / "mine.py", "Load").load())


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_of_the_table_has_a_reader(name: str) -> None:
    assert callable(SOURCES[name].load_reader())
