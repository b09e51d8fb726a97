"""Measure what scoring costs here: features of a few images, metrics of as many as a trial has, leakage."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.errors import UserError
from benchmark.metrics.extractor_base import Extractor, Images
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.leakage import Judge, leakage_scores
from benchmark.metrics.names import NOT_OF_SAMPLES
from benchmark.metrics.probe import train_probe
from benchmark.metrics.rounding import one_thread, plain_floats
from benchmark.metrics.score import POOL_MOST, SETS_OF, ImageSets, score_samples
from benchmark.planning.trial import Trial
from benchmark.planning.work import probes_group

_PROBE_STEPS = 8  # of a leakage probe


def measure_scoring(trial: Trial, images: Tensor) -> dict[str, float]:
    """Time the suite's extractor and pixels beside it, and the metrics of both, on images (N, C, H, W).

    The random network stands in for an extractor whose weights are missing.
    """
    pixels, device = images.permute(0, 2, 3, 1).cpu().numpy(), images.device
    start = time.perf_counter()
    extractors = _extractors(trial, device)
    reference = pixels[np.arange(trial.heldout_images) % len(pixels)]
    for extractor in extractors:
        extractor.fit(reference)
    seconds = dict.fromkeys(("metrics_seconds", "floor_seconds", "feature_image_seconds"), 0.0)
    seconds["extractor_seconds"] = time.perf_counter() - start
    names = [name for name in trial.metrics if name in SETS_OF]
    for extractor in extractors:
        size = extractor(pixels[:8]).shape[1]  # the first call warms up
        taken = timed(device, lambda own=extractor: own(pixels))  # type: ignore[misc]
        seconds["feature_image_seconds"] += taken / len(pixels)
        sampled = [name for name in names if name not in NOT_OF_SAMPLES]
        seconds["metrics_seconds"] += _metrics_seconds(trial, size, sampled)
        seconds["floor_seconds"] += _metrics_seconds(trial, size, [n for n in names if n not in sampled])
    return seconds


def _extractors(trial: Trial, device: torch.device) -> list[Extractor]:
    channels = trial.model.channels
    try:
        own = load_extractor(trial.extractor, channels=channels, device=str(device))
    except UserError:
        own = load_extractor("random", channels=channels, device=str(device))
    return [own] if trial.extractor == "pixels" else [own, load_extractor("pixels", channels=channels)]


class _Noise:
    """Stand in for an extractor: features of the right shape, at once."""

    name, fingerprint = "noise", "0" * 16

    def __init__(self, size: int) -> None:
        self._size, self._random = size, np.random.default_rng(0)

    def fit(self, reference: Images) -> None:
        """Learn nothing."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D)."""
        return self._random.standard_normal((len(images), self._size), dtype=np.float32)


def _metrics_seconds(trial: Trial, size: int, names: list[str]) -> float:
    """Time metrics of as many features as a trial has of each set."""
    if not names:
        return 0.0
    counts = {
        "heldout": trial.heldout_images,
        "generated": trial.samples,
        "train": trial.budget,
        "pool": min(POOL_MOST, trial.pool_images),
        "reconstructions": trial.heldout_images,
    }
    sets = ImageSets(**{name: np.zeros((count, 1, 1, 1), np.uint8) for name, count in counts.items()})
    cache = FeatureCache(_Noise(size), sets.heldout)
    return timed(torch.device("cpu"), lambda: score_samples(cache, sets, seed=0, metrics=names))


@one_thread()
def measure_leakage(trial: Trial, images: Tensor) -> dict[str, float]:
    """Time steps of a probe, views it is asked about, and the judgement of one set of samples."""
    names = ("leakage_step_seconds", "leakage_view_seconds", "leakage_set_seconds")
    if probes_group(trial) is None:
        return dict.fromkeys(names, 0.0)
    space, floats, device = trial.space, plain_floats(images), images.device
    marks: list[float] = []

    def tick() -> None:
        finish(device)
        marks.append(time.perf_counter())

    probe = train_probe(floats, space, 0, tick, steps=_PROBE_STEPS)
    step = statistics.median(b - a for a, b in itertools.pairwise(marks))
    strengths = dict.fromkeys(space.ranges, 1.0 / len(space.ranges))
    view = timed(device, lambda: probe.respond(space.draw(floats, strengths, seed=0)))
    generator = torch.Generator().manual_seed(0)
    said = torch.rand(3 * trial.heldout_images, len(space.ranges), generator=generator)
    clean, full = said.split([trial.heldout_images, 2 * trial.heldout_images])
    judge = Judge(space, (probe, probe), clean, full + 1, torch.rand(len(space.ranges), len(space.ranges)))
    samples = images[torch.arange(trial.samples) % len(images)]
    judged = timed(device, lambda: leakage_scores(judge, samples, seed=0))
    return dict(zip(names, (step, view / len(floats), judged), strict=True))


def timed(device: torch.device, call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    finish(device)
    start = time.perf_counter()
    call()
    finish(device)
    return time.perf_counter() - start


def finish(device: torch.device) -> None:
    """Wait for what a GPU is at."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
