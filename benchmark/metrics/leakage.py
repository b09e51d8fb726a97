"""Leakage: how much of the augmentation appears in generated samples, 0 = none, 1 = as in augmented data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import numpy as np
import torch
from torch import Tensor

from benchmark.metrics.names import LEAST_HELDOUT, judge_version
from benchmark.metrics.probe import Probe, steps_of, train_probe
from benchmark.metrics.rounding import one_thread, plain_floats
from benchmark.pulse import locked, pulse
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors

if TYPE_CHECKING:
    from strategies import AugmentationSpace

_RESAMPLES = 1000
_DRAWS = 2  # augmented versions of each held-out image
_NOISE = 4.0  # standard errors by which augmented must differ from clean images to be told apart

LeakValue = float | str | list[str] | list[list[float | None]] | None


@dataclass(frozen=True)
class Judge:
    """Two probes, each trained on one half of the held-out images, and what they say of the other half.

    Responses: of clean images (N, operations), of fully augmented ones, and per operation of images with
    only that operation at full strength.
    """

    space: AugmentationSpace
    probes: tuple[Probe, Probe]
    clean: Tensor
    full: Tensor
    single: Tensor  # (operations: what was done, operations: what was seen), means


def build_judge(
    heldout: Tensor,
    space: AugmentationSpace,
    *,
    seed: int,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    waiting: Callable[[], None] = pulse,
) -> Judge:
    """Return the judge of a dataset and space, trained once per folder, under a lock.

    heldout: uint8 (N, C, H, W), real images no model was trained on. No probe is asked about an image it was
    trained on. `progress` hears of steps of training, where there are any; `waiting` is called now and then
    while another process trains it. Raises ValueError for fewer than four images.
    """
    images = plain_floats(heldout)
    if folder is None:
        _check(heldout)
        return _train(images, space, seed, progress)
    path = _path(folder, heldout, space, seed)
    with locked(path.with_suffix(".lock"), waiting=waiting):
        return _kept(path, images, space, seed, progress)


def prepare_judge(
    heldout: Tensor,
    space: AugmentationSpace,
    *,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train the judge that `build_judge` will ask for, unless it is there or another process is at it."""
    path = _path(folder, heldout, space, seed)
    try:
        with filelock.FileLock(path.with_suffix(".lock"), timeout=0):
            if path.exists() and progress is not None:
                progress(1, 1)
            _kept(path, plain_floats(heldout), space, seed, progress)
    except filelock.Timeout:  # it will be there by the time it is asked
        return


def _path(folder: Path, heldout: Tensor, space: AugmentationSpace, seed: int) -> Path:
    _check(heldout)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_key(heldout, space, seed)}.safetensors"


def _check(heldout: Tensor) -> None:
    least = LEAST_HELDOUT["leakage"]
    if len(heldout) < least:
        raise ValueError(f"leakage needs at least {least} held-out images, got {len(heldout)}")


def _kept(
    path: Path,
    images: Tensor,
    space: AugmentationSpace,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Judge:
    """Read the judge, or train it and leave it there; the lock is the caller's to hold."""
    try:
        if path.exists():
            return _restored(read_tensors(path)[0], images, space)
    except RefusedFile:  # damaged: it is trained again
        pass
    judge = _train(images, space, seed, progress)
    write_tensors(_tensors(judge), path, {"version": judge_version(images.shape[2])})
    return judge


def leakage_scores(judge: Judge, generated: Tensor, *, seed: int) -> dict[str, LeakValue]:
    """Return leak_<operation> with its 95 % bootstrap interval over images, for uint8 samples (N, C, H, W).

    leak = (m(generated) - m(clean real)) / (m(fully augmented real) - m(clean real)), m the probes' mean
    response; not clipped. None beside leak_<operation>_null_reason where augmented and clean images cannot
    be told apart. leak_crosstalk[i][j]: what the probe of operation j makes of operation i alone, as a leak.
    """
    samples = plain_floats(generated)
    said = torch.stack([probe.respond(samples) for probe in judge.probes]).mean(0).double().cpu().numpy()
    clean, full = judge.clean.double().numpy(), judge.full.double().numpy()
    random = np.random.default_rng(seed)
    means = [_resampled(values, random) for values in (said, clean, full)]
    base, span = clean.mean(0), full.mean(0) - clean.mean(0)
    error = np.sqrt(clean.var(0) / len(clean) + full.var(0) / len(full))
    names = list(judge.space.ranges)
    scores: dict[str, LeakValue] = {}
    for i, name in enumerate(names):
        key = f"leak_{name}"
        if span[i] <= _NOISE * error[i]:
            scores |= {key: None, f"{key}_null_reason": "augmented and clean images look alike to the probe"}
            continue
        ratios = (means[0][:, i] - means[1][:, i]) / (means[2][:, i] - means[1][:, i])
        low, high = np.quantile(ratios, [0.025, 0.975])
        scores[key] = float((said[:, i].mean() - base[i]) / span[i])
        scores |= {f"{key}_low": float(low), f"{key}_high": float(high)}
    shown = span > _NOISE * error
    table = (judge.single.double().numpy() - base) / np.where(shown, span, np.nan)
    scores["leak_operations"] = names
    scores["leak_crosstalk"] = [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in table]
    return scores


def _resampled(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return means over images drawn with replacement. (N, operations) -> (resamples, operations)"""
    counts = random.multinomial(len(values), np.full(len(values), 1 / len(values)), size=_RESAMPLES)
    return counts @ values / len(values)


@one_thread()
def _train(
    images: Tensor, space: AugmentationSpace, seed: int, progress: Callable[[int, int], None] | None = None
) -> Judge:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    total = 2 * steps_of(images.shape[2]) + 2 * (1 + _DRAWS + len(space.ranges))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).to(images.device)
    halves = order.tensor_split(2)
    probes = tuple(train_probe(images[h], space, seed + 10_000 * i, tick) for i, h in enumerate(halves))
    clean, full, single = [], [], []
    for probe, others in zip(probes, reversed(halves), strict=True):
        asked = images[others]

        def said(views: Tensor, probe: Probe = probe) -> Tensor:
            found = probe.respond(views)
            tick()
            return found

        clean.append(said(asked))
        full.append(torch.cat([said(_views(asked, space, space.ranges, seed + d)) for d in range(_DRAWS)]))
        rows = [said(_views(asked, space, [n], seed + 7)).mean(0) for n in space.ranges]
        single.append(torch.stack(rows))
    parts = torch.cat(clean), torch.cat(full), torch.stack(single).mean(0)
    return Judge(space, (probes[0], probes[1]), *(part.cpu() for part in parts))


def _views(images: Tensor, space: AugmentationSpace, names: object, seed: int) -> Tensor:
    strengths = {name: 1.0 for name in space.ranges if name in names}  # type: ignore[operator]
    return space.draw(images, strengths, seed=seed + 1_000_003)


def _key(heldout: Tensor, space: AugmentationSpace, seed: int) -> str:
    meant = space.resolved(heldout.shape[1])  # what it is of an old meaning is of an old judge
    about = [judge_version(heldout.shape[2]), seed, meant.pop("ranges"), meant.pop("padding")]
    about += [list(heldout.shape), *([meant] if meant else [])]
    hashed = hashlib.sha256(json.dumps(about).encode())
    hashed.update(heldout.cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()[:24]


def _tensors(judge: Judge) -> dict[str, Tensor]:
    tensors = {"clean": judge.clean, "full": judge.full, "single": judge.single}
    for index, probe in enumerate(judge.probes):
        tensors |= {f"{index}.{name}": value for name, value in probe.state_dict().items()}
    return tensors


def _restored(tensors: dict[str, Tensor], images: Tensor, space: AugmentationSpace) -> Judge:
    probes = []
    for index in range(2):
        with torch.random.fork_rng():
            probe = Probe(images.shape[1], space, images.shape[2])
        prefix = f"{index}."
        probe.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        probes.append(probe.to(images.device).eval())
    return Judge(space, (probes[0], probes[1]), tensors["clean"], tensors["full"], tensors["single"])
