"""One trial, read top to bottom: data, training, samples, scores, record. No Ray."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data import Dataset, budget_indices, load_dataset
from benchmark.families.contract import Model
from benchmark.families.saved import save_model
from benchmark.metrics.score import ImageSets
from benchmark.planning.seeds import seed_for, subset_seed
from benchmark.planning.trial import Trial
from benchmark.planning.work import Steps, scoring_parts
from benchmark.pulse import heard_by
from benchmark.store.store import Record, Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.extractor_of import extractor_of
from benchmark.trial.model_keys import (
    UNREPRESENTED,
    budget_keys,
    likelihood_keys,
    reconstruct,
    reconstruction_keys,
    reference_keys,
    training_keys,
)
from benchmark.trial.record import heading
from benchmark.trial.repeats import repeated_keys
from benchmark.trial.sample_keys import Sampler, leakage_keys, prepare_probes, sample_keys
from benchmark.trial.views import Views
from pcvq2.trainer.session import Feed, Progress, Session
from strategies.contract.answers import validation_share_of


def run_trial(trial: Trial, store: Store, attempt: Attempt) -> tuple[Record, dict[str, bytes]]:
    """Train, sample and score one model. Returns its record and its artifacts by file name."""
    device, threads, progress = attempt.device, attempt.threads, attempt.progress
    torch.set_num_threads(threads)
    start = time.perf_counter()
    images = _images(trial, attempt.dataset, device)
    prepare_probes(trial, images.heldout, store, progress)
    model = trial.family.build(trial.model, seed=seed_for(trial, "model"), device=device)
    views = Views(trial, seed_for(trial, "views"))
    session = Session(
        checkpoints=store.checkpoint_path(trial.id),
        every_seconds=attempt.checkpoint_seconds,
        owner=trial.id,
        shared=store.shared_codes,
        progress=progress,
        stop=attempt.stop,
    )
    feed, splits = _feed(trial, views), {"validation": images.validation, "heldout": images.heldout}
    log = model.fit(images.train, feed, session, **splits)
    save_model(trial.family_code, model, store.model_path(trial.id))

    sampling_start = time.perf_counter()
    samples = model.sample(
        trial.samples,
        seed=seed_for(trial, "sampling"),
        progress=lambda done, count: progress("sampling", done, count),
    )
    scoring_start = time.perf_counter()
    record, artifacts = _scored(trial, model, images, samples, (store, device, progress))
    record |= views.summary() | training_keys(trial, log, views)
    record |= budget_keys(images.rows, len(images.dataset.train), subset_seed(trial))
    record |= {
        "parameters": model.parameters_count,
        "sampling_seconds": scoring_start - sampling_start,
        "scoring_seconds": time.perf_counter() - scoring_start - record.get("repeated_seconds", 0.0),
        "wall_seconds": time.perf_counter() - start + log.earlier_seconds,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "cpu_threads": threads,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return record, artifacts | views.artifact()


@dataclass(frozen=True)
class _TrialImages:
    """A trial's images: uint8 (N, C, H, W) on the device, and where they come from."""

    dataset: Dataset
    rows: np.ndarray[Any, np.dtype[np.int64]]  # of the training pool: the budget
    budget: Tensor  # train and validation
    train: Tensor
    validation: Tensor | None
    heldout: Tensor


def _images(trial: Trial, dataset: Dataset | None, device: str) -> _TrialImages:
    """Read a trial's images, from where they lie unless given. Raises ValueError where they have changed."""
    dataset = dataset or load_dataset(trial.dataset)
    if dataset.fingerprint != trial.fingerprint:
        raise ValueError(
            f"the images of '{dataset.name}' have changed since the run was planned; run it again"
        )
    rows = budget_indices(dataset, trial.budget, subset_seed(trial))
    budget, heldout = _to_device(dataset.train[rows], device), _to_device(dataset.heldout, device)
    learned = trial.budget - trial.validation_images
    validation = budget[learned:] if trial.validation_images else None
    return _TrialImages(dataset, rows, budget, budget[:learned], validation, heldout)


def _scored(
    trial: Trial,
    model: Model,
    images: _TrialImages,
    samples: Tensor,
    place: tuple[Store, str, Progress],
) -> tuple[Record, dict[str, bytes]]:
    """Return what a record says of a trained model and its samples, and the images that are kept."""
    (store, device, progress), heldout, dataset = place, images.heldout, images.dataset
    steps = Steps("scoring", scoring_parts(trial), progress)
    with heard_by(steps.report):
        with steps.part("reconstructions"):
            rebuilt = reconstruct(model, heldout)
        sets = ImageSets(
            train=_to_numpy(images.train),
            pool=dataset.train,
            heldout=dataset.heldout,
            generated=_to_numpy(samples),
            reconstructions=_to_numpy(heldout[:0] if rebuilt is None else rebuilt),
        )
        with steps.part("extractor"):
            extractor = extractor_of(trial, dataset, store.extractors, device)
        scores, artifacts = sample_keys(trial, extractor, sets, store, steps)
        if rebuilt is None:
            nothing = [key for key in scores if key.startswith("rfid") and key.endswith("_null_reason")]
            scores |= dict.fromkeys(nothing, UNREPRESENTED)
        scores |= leakage_keys(trial, heldout, samples, store, steps)
        scores |= repeated_keys(Sampler(trial, model, extractor, sets, heldout, store), scores, steps)
        scores |= _truth(trial, samples)
        record = heading(trial) | {"status": "done"} | scores
        with steps.part("likelihood"):
            record |= likelihood_keys(model, images.train, images.validation, heldout)
            record |= reference_keys(images.budget, heldout) | trial.family.diagnostics(model, heldout)
            record |= reconstruction_keys(model, images.train, heldout, rebuilt)
    return record, artifacts


def _feed(trial: Trial, views: Views) -> Feed:
    """Return what a trial's model is shown in place of clean batches."""
    observe = views.observe if validation_share_of(trial.strategy.make()) else None
    return Feed(views, observe, trial.strategy.augmented_stages, state=views)


def _to_device(images: np.ndarray[Any, np.dtype[np.uint8]], device: str) -> Tensor:
    """Move images (N, H, W, C) to the device as (N, C, H, W)."""
    return torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C")).to(device)


def _to_numpy(images: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return images.permute(0, 2, 3, 1).cpu().numpy()


def _truth(trial: Trial, samples: Tensor) -> Record:
    """Return what of the samples the known distribution of `shapes` never draws."""
    if trial.dataset.source != "shapes" or trial.model.channels != 3:
        return {}
    from benchmark.data.shape_reading import impossible_shares, read_figures

    shares = impossible_shares(read_figures(_to_numpy(samples)))
    keys: Record = {f"impossible_{name}": share for name, share in shares.items()}
    return keys | {f"{k}_null_reason": "no sample is a figure" for k, v in keys.items() if v is None}
