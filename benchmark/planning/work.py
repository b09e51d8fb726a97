"""What a trial does, stage after stage, and how much work each is before anything was measured (no torch).

Work is counted in seconds of one core of the machine the constants were measured on (an EPYC, beside other
load). What matters is their proportion: a run learns as it goes how far they are off here, stage by stage.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from benchmark.families.contract import stage_config
from benchmark.metrics.names import probe_steps

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial
    from pcvq2.trainer.session import Progress

_STEP = 4.4e-10  # seconds per unit of Family.step_work
# in steps of the last stage of the same trial: an image drawn, a likelihood taken
_SAMPLE, _LIKELIHOOD = 0.007, 0.025
EVALUATED = 96  # images of each split looked at by an evaluation of the last stage (pcvq2.prior_stage)
LIKELIHOOD_IMAGES = 2000  # training images whose likelihood is measured, at the most
_PROBES, _PROBE_SIDE = 2, 32  # per judge; the side of the maps they work on, at the most
_PROBE_STEP, _PROBE_PIXEL = 0.003, 4e-5  # seconds per step of a probe, and per step and pixel
_VIEW_BATCH, _VIEW_PIXEL = 5e-4, 1.3e-8  # per batch and operation; per image, pixel and operation
_FEATURE_PIXEL = {"random": 8e-7, "pixels": 1e-7, "inception": 6e-4, "clip": 6e-4, "dinov2": 6e-3}
_METRICS = 0.3  # seconds for the metrics of one set, and a millionth of it per pair of images
_START = 0.5  # of an extractor


class Part(NamedTuple):
    """One stage of a trial; trials with equal names share the work, which is done once."""

    name: tuple[object, ...]
    kind: tuple[object, ...]  # parts of one kind take equally long per unit of work
    work: float


def stages_of(trial: Trial) -> tuple[str, ...]:
    """Name all that a trial does, in order: its family's stages, and what is done before and after."""
    return ("probes", *trial.stages, "sampling", "scoring")


def shared_groups(trial: Trial) -> dict[str, tuple[object, ...]]:
    """Name, by stage, what a trial shares with others: of PC-VQ2 an auto-encoder that saw no views."""
    noise = (trial.fingerprint, trial.budget, trial.seed, trial.initialisation)
    kind = () if trial.family_code.is_default else (trial.family_code,)
    return {
        stage.name: (*noise, *kind, stage.name, trial.family.decides(trial.model, stage.name))
        for stage in trial.family.stages
        if stage.shareable and stage.name not in trial.strategy.augmented_stages
    }


def probes_group(trial: Trial) -> tuple[object, ...] | None:
    """Name the leakage probes a trial asks, which all trials of a data set and space share; None for none."""
    if "leakage" not in trial.metrics or not trial.space.ranges:
        return None
    meant = json.dumps(trial.space.resolved(trial.model.channels))
    return (trial.fingerprint, trial.model.size, meant)


def _step(trial: Trial) -> float:
    """Return the work of a step of the last stage."""
    return _STEP * trial.family.step_work(trial.model, trial.stages[-1])


def parts_of(trial: Trial) -> dict[str, Part]:
    """Return the stages of a trial by name, in their order."""
    step, model, family = _step(trial), trial.model, trial.family
    works = {
        stage: _STEP * family.step_work(model, stage) * stage_config(model, stage).steps
        for stage in trial.stages
    }
    works[trial.stages[-1]] += step * _LIKELIHOOD * evaluated_images(trial)
    works |= {"sampling": _SAMPLE * step * trial.samples, "scoring": sum(scoring_parts(trial).values())}
    groups: dict[str, object] = {**shared_groups(trial)}
    probes = probes_group(trial)
    if probes is not None:
        works, groups = {"probes": _probes_work(trial)} | works, groups | {"probes": probes}
    kind = (trial.fingerprint, hash(model), str(trial.extractor))  # hashed once, looked up at every step
    return {
        stage: Part((stage, hash(groups[stage]) if groups.get(stage) else trial.id), (stage, *kind), work)
        for stage, work in works.items()
    }


def evaluated_images(trial: Trial) -> int:
    """Count the images whose loss the last stage takes for its learning curve and for observations."""
    stage, learned = stage_config(trial.model, trial.stages[-1]), trial.budget - trial.validation_images
    watched = min(EVALUATED, learned) + min(EVALUATED, trial.validation_images)
    images = stage.evaluations * (watched + min(EVALUATED, trial.samples))
    return images + (stage.observations * watched if trial.validation_images else 0)


def scoring_parts(trial: Trial) -> dict[str, float]:
    """Return the work of what is done in stage `scoring`, in its order."""
    step, pixels, samples = _step(trial), trial.model.size**2, trial.samples
    feature = pixels * _FEATURE_PIXEL.get(str(trial.extractor), 8e-7)
    once = trial.heldout_images + trial.budget  # reconstructed; the budget
    metrics = _METRICS * (1 + 1e-6 * (samples + trial.budget) * samples)
    leakage = probes_group(trial) is not None
    parts = {"reconstructions": _LIKELIHOOD * step * trial.heldout_images / 4, "extractor": _START}
    for sampling in range(trial.samplings):
        images = samples + (0 if sampling else once)
        if sampling:
            parts[f"sampling {sampling}"] = _SAMPLE * step * samples
        parts[f"scores {sampling}"] = metrics + images * feature
        if trial.extractor != "pixels":
            parts[f"pixels {sampling}"] = metrics + images * pixels * _FEATURE_PIXEL["pixels"]
        if leakage:
            parts[f"leakage {sampling}"] = _METRICS + samples * _PROBE_PIXEL * _side(trial) ** 2 / 128
    parts["likelihood"] = _LIKELIHOOD * step * likelihood_images(trial)
    return parts


def likelihood_images(trial: Trial) -> int:
    """Count the images whose likelihood is taken at the end."""
    return min(LIKELIHOOD_IMAGES, trial.budget) + trial.heldout_images


def _side(trial: Trial) -> int:
    return min(_PROBE_SIDE, trial.model.size)


def _probes_work(trial: Trial) -> float:
    view = len(trial.space.ranges) * (_VIEW_BATCH + 64 * trial.model.size**2 * _VIEW_PIXEL)
    step = _PROBE_STEP + _PROBE_PIXEL * _side(trial) ** 2 + view
    return _PROBES * probe_steps(trial.model.size) * step


class Steps:
    """Report a stage as hundredths of the work of its parts: never backwards, 100 when all are done."""

    def __init__(self, stage: str, parts: Mapping[str, float], progress: Progress) -> None:
        self._stage, self._left, self._progress = stage, dict(parts), progress
        self._all = sum(parts.values())
        self.report()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Do a part of the stage, which is over at the end of the block."""
        yield
        del self._left[name]
        self.report()

    def aside(self, stage: str) -> Callable[[int, int], None]:
        """Return what reports a stage that comes in between."""
        return lambda step, steps: self._progress(stage, step, steps)

    def report(self) -> None:
        """Say how far the stage is; again and again within a part, so that a long one is known to live."""
        left = sum(self._left.values()) / self._all if self._left else 0.0
        self._progress(self._stage, int(100 * (1 - left)), 100)
