"""What a trial keeps of its views, and the pictures made of them before and after training."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from running_bench import attempt

from benchmark.cli import main
from benchmark.commands.preview import _schedule, draw_views, write_preview
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.strategy_choice import StrategyChoice
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.report.figures.views import load_views
from benchmark.trial.views import POINTS, SHOWN, Views, kept_steps
from strategies.contract import registry


def trial_of(suite_file: Path, label: str) -> Trial:
    return next(t for t in plan_trials(load_suite(suite_file)) if t.strategy.label == label)


def drawn(views: Views, steps: range, of: int) -> Views:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        views(torch.rand(6, 1, 16, 16, generator=generator), stage="prior", step=step, steps=of)
    return views


def test_the_first_and_the_last_step_are_kept() -> None:
    assert kept_steps(401) == [0, 100, 200, 300, 400]
    assert kept_steps(1) == [0] * POINTS


def test_kept_views_survive_an_interruption(suite_file: Path) -> None:
    trial = trial_of(suite_file, "phased")
    whole = drawn(Views(trial, 7), range(9), 9)
    first, second = drawn(Views(trial, 7), range(5), 9), Views(trial, 7)
    second.load_state_dict(first.state_dict())
    assert drawn(second, range(5, 9), 9).artifact() == whole.artifact()
    assert whole.artifact()


def test_a_trial_leaves_what_its_model_saw(finished: Path) -> None:
    for label in ("none", "phased"):
        seen = load_views(finished / "runs", trial_of(finished / "tiny.yaml", label).id)
        if label == "none":  # saw stored codes of clean images
            assert seen is None
            continue
        assert seen is not None
        assert seen.views.shape == (POINTS, SHOWN, 16, 16, 1)
        assert (seen.stage, seen.progress) == ("prior", (0, 0.25, 0.5, 0.75, 1))
        assert not np.array_equal(seen.views[0], seen.clean[0])
        assert np.array_equal(seen.views[-1], seen.clean[-1])  # the last phase is clean


def test_a_preview_draws_what_a_run_draws(suite_file: Path) -> None:
    """The same seeds: given the images of a step, the views of the preview are those of the run."""
    trial = trial_of(suite_file, "phased")
    seen = draw_views(trial)
    assert seen is not None
    assert seen.views.shape == (POINTS, SHOWN, 16, 16, 1)
    assert not np.array_equal(seen.views[0], seen.clean[0])
    assert np.array_equal(seen.views[-1], seen.clean[-1])
    assert draw_views(trial_of(suite_file, "none")) is None


def test_preview_writes_a_sheet_per_dataset_and_the_strengths(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "preview", str(suite_file), "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    named = [Path(line) for line in capsys.readouterr().out.split()]
    assert [path.name for path in named] == ["digits-views.png", "strength.png"]
    for path in named:
        assert np.asarray(Image.open(path)).std() > 5  # something is drawn


def test_a_schedule_is_drawn_from_one_instance_and_one_look_at_what_is_installed(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    made: list[str] = []
    make = StrategyChoice.make
    monkeypatch.setattr(registry, "entry_points", lambda group: looks.append(group) or [])
    monkeypatch.setattr(StrategyChoice, "make", lambda self: made.append(self.label) or make(self))
    registry.registered.cache_clear()
    trial = trial_of(suite_file, "phased")
    made.clear()
    shares, strengths = _schedule(trial)
    registry.registered.cache_clear()
    assert (len(shares), len(strengths)) == (1001, 1001)
    assert (made, len(looks)) == (["phased"], 1)


def test_preview_refuses_what_run_refuses(suite_file: Path, tmp_path: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("name: phased", "name: phazed"))
    with pytest.raises(UserError, match="phazed"):
        write_preview(suite_file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("late", ["raise KeyError('no')", "return View(images * float('nan'))"])
def test_a_preview_of_a_strategy_that_fails_late_is_two_lines(
    suite_file: Path, tmp_path: Path, late: str
) -> None:
    suite_file.with_name("late.py").write_text(
        "from strategies import Strategy, View\nclass Late(Strategy):\n"
        "    def strength(self, progress):\n        return 0.5\n"
        f"    def augment(self, images, context):\n        if context.step:\n            {late}\n"
        "        return super().augment(images, context)\n"
    )
    text = suite_file.read_text()
    suite_file.write_text(text.replace("strategies:\n", "strategies:\n  - './late.py:Late'\n", 1))
    with pytest.raises(UserError, match=r"strategy .Late. cannot be shown\n(KeyError|StrategyError)"):
        write_preview(suite_file, tmp_path / "out")


BAD_VIEWS = {
    "nan": ("images * float('nan')", "from nan to nan"),
    "one nan": ("torch.where(images == images.max(), torch.nan, images)", "from nan to nan"),
    "too bright": ("images + 1.5", r"from 1\.\d+ to"),
    "below 0": ("images - 0.5", "from -0.5"),
    "other size": ("images[..., :8, :8]", "8, 8"),
    "other type": ("images.double()", "torch.float64"),
    "bytes": ("(images * 255).to(torch.uint8)", "torch.uint8"),
    "elsewhere": ("images.to('meta')", "got meta"),
}


@pytest.mark.parametrize(("view", "said"), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_a_view_that_breaks_a_rule_late_fails_its_trial(
    suite_file: Path, tmp_path: Path, view: str, said: str
) -> None:
    """The codes of a nan are some codes, so no loss would tell."""
    suite_file.with_name("late.py").write_text(
        "import torch\nfrom strategies import Strategy, View\n"
        "class Late(Strategy):\n    def strength(self, progress):\n        return 1 - progress\n"
        "    def augment(self, images, context):\n"
        f"        return View({view}) if context.step == 3 else super().augment(images, context)\n"
    )
    text = suite_file.read_text()
    suite_file.write_text(text.replace("strategies:\n", "strategies:\n  - './late.py:Late'\n", 1))
    record = attempt(trial_of(suite_file, "Late"), tmp_path / "runs")
    assert record["status"] == "failed"
    assert record["reason"].startswith("StrategyError: views ")
    assert re.search(f"{said}.* at step 3 of stage", record["reason"]), record["reason"]
