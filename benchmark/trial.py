"""One trial, read top to bottom: data, two stages of training, samples, scores, record. No Ray."""

from __future__ import annotations

import io
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data import budget_indices, load_dataset
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.leakage import build_judge, leakage_scores
from benchmark.metrics.memorisation import nearest_index
from benchmark.metrics.score import score_samples, suffixed
from benchmark.plan import Trial
from benchmark.records import Record, Store, failure, heading
from benchmark.views import Views
from pcvq2 import PCVQ2, FitLog
from pcvq2.likelihood import BITS_PER_NAT
from pcvq2.randomness import derive_seed
from pcvq2.training import NonFiniteLoss, Progress

SHOWN = 32  # images of each kind kept for the report's grids
LISTED_INDICES = 5000  # a longer budget is named by its seed alone
LIKELIHOOD_IMAGES = 2000  # training images whose likelihood is measured, at the most


def seed_for(trial: Trial, purpose: str) -> int:
    """Return the seed of a purpose: the same for every strategy of a (dataset, budget, seed)."""
    return derive_seed(trial.fingerprint, trial.budget, trial.seed, purpose)


def subset_seed(trial: Trial) -> int:
    """Return the seed of the order budgets are drawn in: it does not depend on the budget, so they nest."""
    return derive_seed(trial.fingerprint, trial.seed, "subset")


def attempt_trial(trial: Trial, store: Store, **settings: Any) -> Record:
    """Run a trial and store its record; an error becomes a failure record with reason and traceback.

    A trial that is done needs its checkpoints no more; one that failed goes on from them when it is tried
    again, unless they lead to a nan. `settings` are those of `run_trial`.
    """
    needed = False
    try:
        record, artifacts = run_trial(trial, store, **settings)
    except Exception as error:
        record = failure(trial, f"{type(error).__name__}: {error}", traceback.format_exc())
        artifacts, needed = {}, not isinstance(error, NonFiniteLoss)
    store.write(record, artifacts)
    if not needed:
        store.drop_checkpoint(trial.id)
    return record


def run_trial(
    trial: Trial,
    store: Store,
    *,
    device: str,
    threads: int,
    progress: Progress,
    checkpoint_seconds: float = 60.0,
) -> tuple[Record, dict[str, bytes]]:
    """Train, sample and score one model. Returns its record and its artifacts by file name."""
    torch.set_num_threads(threads)
    start = time.perf_counter()
    dataset = load_dataset(trial.dataset)
    rows = budget_indices(dataset, trial.budget, subset_seed(trial))
    subset = dataset.train[rows]
    images, heldout = _to_device(subset, device), _to_device(dataset.heldout, device)
    learned = trial.budget - trial.validation_images
    train, validation = images[:learned], images[learned:] if trial.validation_images else None

    model = PCVQ2(trial.model, seed=seed_for(trial, "model"), device=device)
    views = Views(trial, seed_for(trial, "views"))
    log = model.fit(
        train,
        views,
        validation=validation,
        heldout=heldout,
        observe=views.observe if trial.strategy.make().validation_share else None,
        augmented_stages=trial.strategy.stages if trial.strategy.name != "none" else (),
        shared=store.shared_codes,
        progress=progress,
        checkpoint=store.checkpoint_path(trial.id),
        checkpoint_seconds=checkpoint_seconds,
        owner=trial.id,
        state=views,
    )
    model.save(store.model_path(trial.id))

    progress("sampling", 0, 1)
    sampling_start = time.perf_counter()
    samples = model.sample(trial.samples, seed=seed_for(trial, "sampling"))
    reconstructions = model.reconstruct(heldout)
    scoring_start = time.perf_counter()
    progress("scoring", 0, 1)
    scores, artifacts = _score(trial, subset[:learned], dataset.heldout, samples, reconstructions, device)
    scores |= _leakage(trial, heldout, samples, store) | _truth(trial, samples)
    record = heading(trial) | {"status": "done", "trial": trial.resolved()} | scores
    record |= _likelihood(model, train, heldout) | _codes(model, heldout)
    record |= _reconstruction(model, train, heldout, reconstructions)
    record |= views.summary() | _training(trial, log, views)
    record |= _budget(rows, len(dataset.train), subset_seed(trial))
    record |= {
        "parameters": model.parameters_count,
        "sampling_seconds": scoring_start - sampling_start,
        "scoring_seconds": time.perf_counter() - scoring_start,
        "wall_seconds": time.perf_counter() - start + log.earlier_seconds,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "cpu_threads": threads,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return record, artifacts | views.artifact()


def _budget(rows: np.ndarray[Any, np.dtype[np.int64]], pool: int, order_seed: int) -> Record:
    """Return which images of the pool were the budget, so that anyone can rebuild it."""
    keys: Record = {"pool_images": pool, "budget_order_seed": order_seed}
    if len(rows) <= LISTED_INDICES:
        return keys | {"budget_indices": rows.tolist()}
    how = "the first `budget` of numpy.random.default_rng(budget_order_seed).permutation(pool_images)"
    return keys | {"budget_indices": None, "budget_indices_null_reason": f"too many to list: {how}"}


def _to_device(images: np.ndarray[Any, np.dtype[np.uint8]], device: str) -> Tensor:
    """Move images (N, H, W, C) to the device as (N, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)


def _to_numpy(images: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return images.permute(0, 2, 3, 1).cpu().numpy()


def _score(
    trial: Trial,
    train: np.ndarray[Any, np.dtype[np.uint8]],
    heldout: np.ndarray[Any, np.dtype[np.uint8]],
    samples: Tensor,
    reconstructions: Tensor,
    device: str,
) -> tuple[Record, dict[str, bytes]]:
    """Score samples with the suite's extractor and with pixels beside it; keep images for the report."""
    generated, rebuilt = _to_numpy(samples), _to_numpy(reconstructions)
    sets = {"train": train, "heldout": heldout, "generated": generated, "reconstructions": rebuilt}
    extractor = load_extractor(trial.extractor, channels=train.shape[3], device=device)
    seed = seed_for(trial, "scoring")
    scores: Record = {
        "extractor": extractor.name,
        "extractor_fingerprint": extractor.fingerprint,
        "samples": len(generated),
        "references": len(heldout),
        **score_samples(extractor, **sets, seed=seed, metrics=trial.metrics),
    }
    if trial.extractor != "pixels":
        pixels = load_extractor("pixels", channels=train.shape[3], device=device)
        beside = score_samples(pixels, **sets, seed=seed, metrics=trial.metrics)
        scores |= suffixed({k: v for k, v in beside.items() if not k.endswith("_images")}, "_pixels")
    nearest = nearest_index(extractor(generated[:SHOWN]), extractor(train))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        samples=generated[:SHOWN],
        nearest_train=train[nearest],
        heldout=heldout[:SHOWN],
        reconstructions=rebuilt[:SHOWN],
    )
    return scores, {"images.npz": buffer.getvalue()}


def _leakage(trial: Trial, heldout: Tensor, samples: Tensor, store: Store) -> Record:
    """Return how much of the suite's augmentation appears in the samples."""
    if "leakage" not in trial.metrics or not trial.space.ranges:
        return {}
    probing = derive_seed(trial.fingerprint, "leakage")  # one judge for all trials of a dataset and space
    judge = build_judge(heldout, trial.space, seed=probing % 2**31, folder=store.probes)
    return leakage_scores(judge, samples, seed=seed_for(trial, "leakage") % 2**31)


def _truth(trial: Trial, samples: Tensor) -> Record:
    """Return what of the samples the known distribution of `shapes` never draws."""
    if trial.dataset.source != "shapes" or trial.model.channels != 3:
        return {}
    from benchmark.data.shape_reading import impossible_shares, read_figures

    shares = impossible_shares(read_figures(_to_numpy(samples)))
    keys: Record = {f"impossible_{name}": share for name, share in shares.items()}
    return keys | {f"{k}_null_reason": "no sample is a figure" for k, v in keys.items() if v is None}


def _likelihood(model: PCVQ2, train: Tensor, heldout: Tensor) -> Record:
    """Return the ledger on clean images, in bits per dimension."""
    seen, unseen = model.bits_per_dim(train[:LIKELIHOOD_IMAGES]), model.bits_per_dim(heldout)
    keys = {f"rate_{level}_bpd": float(rate.mean()) for level, rate in unseen.rates.items()}
    keys |= {f"rate_{level}_train_bpd": float(rate.mean()) for level, rate in seen.rates.items()}
    for name, ledger in (("train", seen), ("heldout", unseen)):
        keys[f"bpd_{name}"] = float(ledger.total.double().mean())
        keys[f"rate_{name}_bpd"] = float(ledger.rate.double().mean())
    keys["distortion_bpd"] = float(unseen.distortion.double().mean())
    keys["distortion_train_bpd"] = float(seen.distortion.double().mean())
    keys["bpd_gap"] = keys["bpd_heldout"] - keys["bpd_train"]
    return keys


def _codes(model: PCVQ2, heldout: Tensor) -> Record:
    """Return how the codebooks are used on held-out images: a collapsed map has perplexity near 1."""
    keys: Record = {"codebook_size": model.config.vqvae.codes}
    for level, codes in zip(model.config.vqvae.levels, model.encode(heldout), strict=True):
        share = torch.bincount(codes.flatten()).double() / codes.numel()
        share = share[share > 0]
        keys[f"perplexity_{level}"] = float(torch.exp(-(share * share.log()).sum()))
        keys[f"codes_used_{level}"] = len(share)
    return keys


def _reconstruction(model: PCVQ2, train: Tensor, heldout: Tensor, rebuilt: Tensor) -> Record:
    """Return mean squared errors of pixels in [0, 1]."""

    def error(images: Tensor, others: Tensor) -> float:
        return float(((images.double() - others.double()) / 255).square().mean())

    seen = train[:LIKELIHOOD_IMAGES]
    return {
        "reconstruction_mse": error(heldout, rebuilt),
        "reconstruction_mse_train": error(seen, model.reconstruct(seen)),
    }


def _training(trial: Trial, log: FitLog, views: Views) -> Record:
    """Return costs and the learning curve of the stage prior."""
    per_dim = BITS_PER_NAT / (trial.model.channels * trial.model.size**2)
    steps = [int(row["step"] or 0) for row in log.curve]

    def rates(split: str) -> list[float | None]:
        values = [row[split] for row in log.curve]
        return [None if value is None else value * per_dim for value in values]

    return {
        "validation_images": trial.validation_images,
        "images_seen": log.images_seen,
        "codes_seconds": log.codes_seconds,
        "prior_seconds": log.prior_seconds,
        "codes_shared": log.codes_shared,
        "precision_codes": log.precision_codes,
        "precision_prior": log.precision_prior,
        "codes_steps": trial.model.codes_stage.steps,
        "prior_steps": trial.model.prior_stage.steps,
        "selected_step": log.selected_step,
        "curve_step": steps,
        "curve_strength": [views.strength_at(step) for step in steps],
        "curve_gap": [views.gaps.get(step) for step in steps],
        **{f"curve_rate_{split}_bpd": rates(split) for split in ("train", "heldout", "validation")},
    }
