"""See what the models of a suite will see, before any training: `bench preview`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmark.data import budget_indices, load_dataset
from benchmark.errors import UserError
from benchmark.families.contract import stage_config
from benchmark.naming import file_stems
from benchmark.planning.plan import plan_trials
from benchmark.planning.seeds import seed_for, subset_seed
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.report.figures.schedule import Schedule, schedule_figure
from benchmark.report.figures.style import rendered, styled
from benchmark.report.figures.views import SeenViews, views_figure
from benchmark.trial.views import POINTS, SHOWN, Views, kept_steps
from pcvq2.trainer.whole_file import write_whole
from strategies import Strategy
from strategies.contract.answers import said, state_of, strengths_of

_SCHEDULE_POINTS = 1000
Seen = TypeVar("Seen")


def write_preview(path: Path, output: Path) -> list[Path]:
    """Write a contact sheet per dataset and a plot of strengths for a suite file. Returns the PNGs.

    Views are those of the first budget and seed, drawn with the seeds of the trial's own steps, from the
    first images of the budget. A strategy that reacts to feedback is shown as it would be without any.
    Raises UserError.
    """
    suite = load_suite(path)
    trials: dict[str, dict[str, Trial]] = {}
    for trial in plan_trials(suite):
        trials.setdefault(trial.dataset.name, {}).setdefault(trial.strategy.label, trial)
    written = []
    with styled([*trials, *(label for labels in trials.values() for label in labels)]):
        stems = file_stems(trials)
        for dataset, by_strategy in trials.items():
            written.append(_png(output / f"{stems[dataset]}-views.png", _sheet(dataset, by_strategy)))
        first = next(iter(trials.values()))
        schedules = {name: _shown(_schedule, trial) for name, trial in first.items()}
        notes = {name: "without feedback" for name, trial in first.items() if state_of(trial.strategy.make())}
        written.append(_png(output / "strength.png", schedule_figure(schedules, notes)))
    return written


def _sheet(dataset: str, trials: Mapping[str, Trial]) -> Figure:
    drawn = {name: _shown(draw_views, trial) for name, trial in trials.items()}
    seen = {name: views for name, views in drawn.items() if views is not None}
    first = next(iter(trials.values()))
    if not seen:  # nothing in this suite augments: show what everyone sees
        clean = _clean(first)
        shares = tuple(np.linspace(0, 1, POINTS).tolist())
        seen = {"none": SeenViews(clean, clean, shares, first.stages[-1])}
    title = f"{dataset}, {first.budget} training images, seed {first.seed}"
    return views_figure(seen, list(trials), title)


def _shown(draw: Callable[[Trial], Seen], trial: Trial) -> Seen:
    """Return what is drawn of a trial. Raises UserError for whatever its strategy raises."""
    try:
        return draw(trial)
    except UserError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise UserError(f"strategy '{trial.strategy.label}' cannot be shown", said(error)) from error


def draw_views(trial: Trial) -> SeenViews | None:
    """Draw a trial's views at the steps that a run would keep; None for one that augments nothing."""
    strategy = trial.strategy
    if not strategy.augmented_stages:
        return None
    stage = max(strategy.augmented_stages, key=trial.stages.index)
    steps = stage_config(trial.model, stage).steps
    views = Views(trial, seed_for(trial, "views"))
    clean = _clean(trial)
    images = torch.from_numpy(clean[0].transpose(0, 3, 1, 2).copy()).float() / 255
    drawn = []
    for step in kept_steps(steps):
        view, _ = views(images, stage=stage, step=step, steps=steps)
        drawn.append((view * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return SeenViews(np.stack(drawn), clean, tuple(np.linspace(0, 1, POINTS).tolist()), stage)


def _clean(trial: Trial) -> np.ndarray:
    """Return the first images of the trial's budget, once per point: (POINTS, SHOWN, H, W, C)."""
    dataset = load_dataset(trial.dataset)
    images = dataset.train[budget_indices(dataset, trial.budget, subset_seed(trial))[:SHOWN]]
    return np.broadcast_to(images, (POINTS, *images.shape))


def _schedule(trial: Trial) -> Schedule:
    shares = [i / _SCHEDULE_POINTS for i in range(_SCHEDULE_POINTS + 1)]
    strategy = trial.strategy.make()
    return shares, [_mean_strength(strategy, trial, share) for share in shares]


def _mean_strength(strategy: Strategy, trial: Trial, share: float) -> float:
    strengths = strengths_of(strategy, share, trial.space).values()
    return sum(strengths) / max(1, len(strengths))


def _png(path: Path, figure: Figure) -> Path:
    write_whole(path, rendered(figure)["png"])
    return path
