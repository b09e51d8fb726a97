"""Measure what a trial costs here: a few steps of every stage of the real model, then samples and scores."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.cost.estimate import Probe, kind_of
from benchmark.cost.measure_scoring import finish, measure_leakage, measure_scoring, timed
from benchmark.data import budget_indices, load_dataset
from benchmark.errors import UserError
from benchmark.families.contract import Model
from benchmark.planning.trial import Trial
from benchmark.store.environment import processor
from benchmark.trial.views import Views
from pcvq2.trainer.randomness import derive_seed
from pcvq2.trainer.session import Feed, Progress, Session
from pcvq2.trainer.settings import override
from strategies.contract.answers import StrategyError

_IMAGES = 96  # used for training, evaluating and scoring; more would not change the cost of a step
_SAMPLES = {"cuda": 256, "cpu": 128}  # drawn together
_LONG_SECONDS = 2.0  # for four samples


def probe_trials(
    trials: Sequence[Trial],
    absent: Sequence[str],
    *,
    device: str,
    threads: int,
    steps: int,
    progress: Progress,
) -> dict[str, Probe]:
    """Probe one trial of each kind, the one whose strategy augments most stages, at its largest budget."""
    chosen: dict[str, Trial] = {}

    def weight(one: Trial) -> tuple[int, int]:
        return len(one.strategy.augmented_stages), one.budget

    for trial in sorted(trials, key=weight):
        chosen[kind_of(trial)] = trial
    return {
        kind: probe_trial(trial, trial.dataset.name in absent, device, threads, steps, progress)
        for kind, trial in chosen.items()
    }


def probe_trial(
    trial: Trial, synthetic: bool, device: str, threads: int, steps: int, progress: Progress
) -> Probe:
    """Run `steps` of each stage, sample, and score, timing each. Raises UserError when memory runs out."""
    torch.set_num_threads(threads)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    images = _images(trial, synthetic).to(device)
    try:
        return _measure(trial, synthetic, images, steps, progress)
    except StrategyError as error:
        raise UserError(f"{trial.title}: its strategy cannot augment a batch", str(error)) from error
    except torch.OutOfMemoryError as error:
        first = str(error).partition(". ")[0]
        raise UserError(
            f"{trial.title}: does not fit into this GPU ({first})",
            f"lower training.{trial.stages[0]}.batch, or training.{trial.stages[-1]}.micro_batch, "
            "which changes no result",
        ) from error


def _measure(trial: Trial, synthetic: bool, images: Tensor, steps: int, progress: Progress) -> Probe:
    device = images.device
    family, last = trial.family, trial.stages[-1]
    model = family.build(_shortened(trial, steps), seed=0, device=str(device))
    marks: dict[str, list[float]] = {stage: [] for stage in trial.stages}

    def mark(stage: str, step: int, of: int) -> None:
        finish(device)
        marks[stage].append(time.perf_counter())
        progress(stage, step, of)

    views = Views(trial, derive_seed(0, "probe"))
    feed = Feed(views, stages=trial.strategy.augmented_stages)
    model.fit(images, feed, Session(progress=mark), heldout=images)
    took = {stage: _step_seconds(marks[stage]) for stage in trial.stages}
    ends = marks[last][-2:]
    evaluation = max(0.0, ends[-1] - ends[0] - took[last])  # it comes with the last step
    progress("sampling", 0, 1)
    count = _drawn(trial, model, device)
    sampling = timed(device, lambda: model.sample(count))
    progress("scoring", 0, 1)
    likelihood = timed(device, lambda: (model.bits_per_dim(images), model.reconstruct(images)))
    scored = measure_scoring(trial, images)
    progress("probes", 0, 1)
    leakage = measure_leakage(trial, images)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        model_bytes = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Probe(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        synthetic=synthetic,
        step_seconds=took,
        evaluation_image_seconds=evaluation / (2 * len(images)),
        sample_image_seconds=sampling / count,
        likelihood_image_seconds=likelihood / len(images),
        **scored,
        **leakage,
        model_bytes=model_bytes,
        shared_bytes={s.name: family.weight_bytes(model, s.name) for s in family.stages if s.shareable},
        # two files of weights, their mean, Adam's two moments
        checkpoint_bytes=2 * 4 * family.weight_bytes(model, last),
        peak_memory_bytes=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    )


def _shortened(trial: Trial, steps: int) -> Any:
    model: Any = trial.model
    for stage in trial.stages:
        model = override(model, f"{stage}_stage", {"steps": steps, "evaluations": 1, "observations": 1})
    return replace(model, selection="last")


def _images(trial: Trial, synthetic: bool) -> Tensor:
    """Return a few images of the budget, or noise of their shape: uint8 (N, C, H, W)."""
    count = min(_IMAGES, trial.budget)
    if not synthetic:
        dataset = load_dataset(trial.dataset)
        pixels = dataset.train[budget_indices(dataset, count, 0)]
        return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
    generator = torch.Generator().manual_seed(0)
    size = trial.model.size
    coarse = torch.rand(count, trial.model.channels, 8, 8, generator=generator)
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return (smooth * 255).round().to(torch.uint8)


def _step_seconds(marks: Sequence[float]) -> float:
    """Return the median step of the second half, the last left out: the first ones warm up.

    0 for a stage that is done in one go.
    """
    between = [after - before for before, after in itertools.pairwise(marks)][:-1]
    return statistics.median(between[len(between) // 2 :] or [0.0])


def _drawn(trial: Trial, model: Model, device: torch.device) -> int:
    """Return how many samples to time: as many as are drawn together, but few where that takes long."""
    few = min(4, trial.samples)
    together = min(trial.samples, _SAMPLES[device.type])
    return together if timed(device, lambda: model.sample(few)) < _LONG_SECONDS else few
