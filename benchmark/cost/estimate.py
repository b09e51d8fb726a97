"""What a suite costs: hours and disk, from the measured cost of a few steps (no torch, no Ray).

measure.py measures, this file multiplies. Left out, because a probe cannot know them: waiting for
other trials of the machine, torch.compile's first minutes, the training of extractor `classifier`, and
packing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import UserError
from benchmark.families.contract import stage_config
from benchmark.metrics.names import OF_POOL, probe_steps
from benchmark.planning.work import (
    evaluated_images,
    likelihood_images,
    probes_group,
    shared_groups,
    stages_of,
)
from pcvq2.trainer.whole_file import write_whole

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial

_POOL_IMAGES = 10_000  # whose features are taken once per data set, at the most (benchmark.metrics.score)
_PROBES, _VIEWS = 2, 3  # trained per judge; views of a held-out image beside one per operation
_KEPT_IMAGES = 160  # in a trial's artifacts, about
_RECORD_BYTES = 100_000


@dataclass(frozen=True)
class Probe:
    """What one kind of trial costs on one machine, measured alone on it."""

    device: str
    synthetic: bool  # the images were not here; noise of their shape was used
    step_seconds: dict[str, float]  # by stage of training
    evaluation_image_seconds: float  # one image's rate in the learning curve
    sample_image_seconds: float
    likelihood_image_seconds: float
    feature_image_seconds: float  # of the suite's extractor, and of pixels beside it
    metrics_seconds: float  # of one set of samples, beside its features
    floor_seconds: float  # of what is the same whatever a model samples
    extractor_seconds: float  # to load it
    leakage_step_seconds: float  # of training a leakage probe
    leakage_view_seconds: float  # an augmented image asked about
    leakage_set_seconds: float  # to ask the probes about one set of samples
    model_bytes: int
    shared_bytes: dict[str, int]  # weights of a shareable stage, kept once for all trials that share them
    checkpoint_bytes: int  # while a trial runs
    peak_memory_bytes: int | None  # of the GPU; None on a CPU


@dataclass(frozen=True)
class Cost:
    """What a suite costs, in hours of one device that a trial has to itself."""

    trials: int
    trained: dict[str, int]  # how often a shareable stage is trained
    probe_sets: int  # pairs of leakage probes that are trained
    stage_hours: dict[str, float]  # in the order of the stages
    disk_bytes: int  # what stays
    checkpoint_bytes: int  # of one running trial, gone when it ends

    @property
    def hours(self) -> float:
        """Return all hours."""
        return sum(self.stage_hours.values())


def kind_of(trial: Trial) -> str:
    """Name what decides a trial's cost per step and image: sizes and batches, not steps or seeds."""
    model = trial.model.to_dict()
    for stage in (f"{name}_stage" for name in trial.stages):
        model[stage] = {k: model[stage][k] for k in ("batch", "micro_batch", "compile")}
    for part in trial.family.parts:
        model[part] = {k: v for k, v in model[part].items() if k not in ("conditions", "dropout")}
    model.pop("selection")
    scored = [str(trial.extractor), trial.samples, trial.heldout_images, sorted(trial.metrics)]
    if probes_group(trial) is not None:
        scored.append(sorted(trial.space.ranges))
    if not trial.family_code.is_default:
        scored.append(trial.family_code.key)
    text = json.dumps([model, scored], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def estimate_cost(trials: Sequence[Trial], probes: Mapping[str, Probe]) -> Cost:
    """Add up trials from the probes of their kinds. Raises UserError when a kind was not probed."""
    seconds = dict.fromkeys((stage for trial in trials for stage in stages_of(trial)), 0.0)
    trained = {s.name: 0 for trial in trials for s in trial.family.stages if s.shareable}
    groups: set[object] = set()
    judges: set[object] = set()
    seen: set[str] = set()  # data sets whose real images have features
    disk = checkpoint = 0
    for trial in trials:
        probe = probes.get(kind_of(trial))
        if probe is None:
            raise UserError(f"{trial.title}: its kind of trial was not probed", "run bench run --probe again")
        shared = shared_groups(trial)
        for stage in trial.stages:
            group = shared.get(stage)
            if group is not None and group in groups:
                continue
            if stage in trained:
                trained[stage] += 1
            seconds[stage] += stage_config(trial.model, stage).steps * probe.step_seconds[stage]
            disk += probe.shared_bytes[stage] if group is not None else 0
            groups.add(group)
        seconds[trial.stages[-1]] += evaluated_images(trial) * probe.evaluation_image_seconds
        seconds["sampling"] += trial.samplings * trial.samples * probe.sample_image_seconds
        seconds["scoring"] += _scoring_seconds(trial, probe, first=trial.fingerprint not in seen)
        seen.add(trial.fingerprint)
        judge = probes_group(trial)
        if judge is not None and judge not in judges:
            seconds["probes"] += _probes_seconds(trial, probe)
            judges.add(judge)
        pixels = trial.model.size**2 * trial.model.channels
        disk += probe.model_bytes + _KEPT_IMAGES * pixels + _RECORD_BYTES
        checkpoint = max(checkpoint, probe.checkpoint_bytes)
    hours = {name: value / 3600 for name, value in seconds.items()}
    return Cost(len(trials), trained, len(judges), hours, disk, checkpoint)


def _probes_seconds(trial: Trial, probe: Probe) -> float:
    views = trial.heldout_images * (_VIEWS + len(trial.space.ranges))
    steps = _PROBES * probe_steps(trial.model.size) * probe.leakage_step_seconds
    return steps + views * probe.leakage_view_seconds


def _scoring_seconds(trial: Trial, probe: Probe, *, first: bool) -> float:
    """Count what is kept, features of held-out and pool images, for the `first` trial of a data set only."""
    sampled = trial.samplings * trial.samples
    features = trial.heldout_images + sampled + trial.budget  # of reconstructions, samples, the budget
    if first:
        features += trial.heldout_images
        features += min(_POOL_IMAGES, trial.pool_images) if set(OF_POOL) & set(trial.metrics) else 0
    leakage = probe.leakage_set_seconds if probes_group(trial) is not None else 0.0
    return (
        likelihood_images(trial) * probe.likelihood_image_seconds
        + features * probe.feature_image_seconds
        + probe.extractor_seconds
        + probe.floor_seconds
        + trial.samplings * (probe.metrics_seconds + leakage)
    )


def cost_lines(cost: Cost, probes: Mapping[str, Probe], absent: Sequence[str]) -> Iterator[str]:
    """Yield an estimate as text."""
    for probe in probes.values():
        steps = ", ".join(f"{_short(took)} in {stage}" for stage, took in probe.step_seconds.items())
        memory = (
            f"; {probe.peak_memory_bytes / 2**30:.1f} GiB of its memory" if probe.peak_memory_bytes else ""
        )
        sample = _short(probe.sample_image_seconds)
        yield f"measured on {probe.device}: a step takes {steps}, a sample {sample}{memory}"
    if absent:
        yield f"not here, so noise of their shape was used: {', '.join(absent)}"
    judges = f", {cost.probe_sets} pairs of leakage probes" if cost.probe_sets else ""
    shared = "".join(f", {count} x stage {stage}" for stage, count in cost.trained.items())
    yield f"{cost.trials} trials{shared}{judges} to train"
    for name, hours in cost.stage_hours.items():
        if cost.probe_sets or name != "probes":
            yield f"  {name:<9}{hours:10.2f} h"
    device = next(iter(probes.values())).device
    yield f"  in all   {cost.hours:10.2f} h of one {device}, each trial alone on it"
    yield (
        f"disk: {cost.disk_bytes / 2**30:.2f} GiB stay; "
        f"checkpoints take {cost.checkpoint_bytes / 2**30:.2f} GiB per running trial"
    )


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


def probes_path(runs: Path, suite: str) -> Path:
    """Return where a suite's probes are kept."""
    return runs / "cost" / f"{suite}.json"


def write_probes(path: Path, probes: Mapping[str, Probe]) -> None:
    """Keep probes, so that an estimate need not measure again."""
    write_whole(path, json.dumps({kind: asdict(probe) for kind, probe in probes.items()}, indent=1).encode())


def read_probes(path: Path) -> dict[str, Probe]:
    """Return kept probes by kind; none when there are none."""
    try:
        return {kind: Probe(**values) for kind, values in json.loads(path.read_text()).items()}
    except (FileNotFoundError, ValueError, TypeError):
        return {}
