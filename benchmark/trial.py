"""One trial, read top to bottom: data, two stages of training, samples, scores, record. No Ray."""

from __future__ import annotations

import contextlib
import io
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data import Dataset, budget_indices, load_dataset
from benchmark.extraction import extractor_of
from benchmark.metrics.codes import code_usage
from benchmark.metrics.extractors import Extractor, load_extractor
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.intervals import mean_scored
from benchmark.metrics.leakage import build_judge, leakage_scores
from benchmark.metrics.memorisation import nearest_index
from benchmark.metrics.score import COUNTS, ImageSets, score_samples, suffixed
from benchmark.plan import Trial
from benchmark.records import Record, Store, failure, heading
from benchmark.terms import Keep
from benchmark.views import Views
from pcvq2 import PCVQ2, FitLog
from pcvq2.likelihood import BITS_PER_NAT
from pcvq2.randomness import derive_seed
from pcvq2.training import NonFiniteLoss, Progress

SHOWN = 32  # images of each kind kept for the report's grids
LISTED_INDICES = 5000  # a longer budget is named by its seed alone
LIKELIHOOD_IMAGES = 2000  # training images whose likelihood is measured, at the most
MEMORY_ADVICE = (
    "take a smaller batch, training.prior.micro_batch or a smaller model, or run fewer trials at once: "
    "a larger share under `resources`, --max-concurrent 1"
)


def seed_for(trial: Trial, purpose: str) -> int:
    """Return the seed of a purpose: the same for every strategy of a (dataset, budget, seed)."""
    return derive_seed(trial.fingerprint, trial.budget, trial.seed, purpose)


def subset_seed(trial: Trial) -> int:
    """Return the seed of the order budgets are drawn in: it does not depend on the budget, so they nest."""
    return derive_seed(trial.fingerprint, trial.seed, "subset")


def attempt_trial(trial: Trial, store: Store, *, keep: Keep = "models", **settings: Any) -> Record:
    """Run a trial and store its record; an error becomes a failure record with reason and traceback.

    A trial that is done needs its checkpoints no more; one that failed goes on from them when it is tried
    again, unless they lead to a nan. `settings` are those of `run_trial`.
    """
    needed = keep == "all"
    try:
        record, artifacts = run_trial(trial, store, **settings)
        store.write(record, artifacts)
    except Exception as error:
        record = _failure(trial, error)
        needed = not isinstance(error, NonFiniteLoss)
        with contextlib.suppress(OSError):  # a full disk: whoever called still learns of it
            store.write(record, {})
    if not needed:
        store.drop_checkpoint(trial.id)
    if keep == "records":
        store.drop_model(trial.id)
    return record


def _failure(trial: Trial, error: Exception) -> Record:
    """Return the record of an error, with advice where memory was short."""
    reason = f"{type(error).__name__}: {error}"
    if not _out_of_memory(error):
        return failure(trial, reason, traceback.format_exc())
    return failure(trial, f"{reason} ({MEMORY_ADVICE})", traceback.format_exc(), "out_of_memory")


def _out_of_memory(error: Exception) -> bool:
    """Say whether memory was short: PyTorch's CPU allocator raises a bare RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def run_trial(
    trial: Trial,
    store: Store,
    *,
    device: str,
    threads: int,
    progress: Progress,
    checkpoint_seconds: float = 60.0,
    stop: Callable[[], bool] | None = None,
    dataset: Dataset | None = None,
) -> tuple[Record, dict[str, bytes]]:
    """Train, sample and score one model. Returns its record and its artifacts by file name.

    `stop` is asked between steps, see PCVQ2.fit; `dataset` is read from where it lies unless given.
    """
    torch.set_num_threads(threads)
    start = time.perf_counter()
    dataset = dataset or load_dataset(trial.dataset)
    if dataset.fingerprint != trial.fingerprint:
        raise ValueError(
            f"the images of '{dataset.name}' have changed since the run was planned; run it again"
        )
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
        stop=stop,
    )
    model.save(store.model_path(trial.id))

    progress("sampling", 0, 1)
    sampling_start = time.perf_counter()
    samples = model.sample(trial.samples, seed=seed_for(trial, "sampling"))
    reconstructions = model.reconstruct(heldout)
    scoring_start = time.perf_counter()
    progress("scoring", 0, 1)
    sets = ImageSets(
        train=subset[:learned],
        pool=dataset.train,
        heldout=dataset.heldout,
        generated=_to_numpy(samples),
        reconstructions=_to_numpy(reconstructions),
    )
    extractor = extractor_of(trial, dataset, store.extractors, device)
    scores, artifacts = _score(trial, extractor, sets, store)
    scores |= _leakage(trial, heldout, samples, store) | _truth(trial, samples)
    record = heading(trial) | {"status": "done"} | scores
    record |= _likelihood(model, train, validation, heldout) | _codes(model, heldout)
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
    return torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C")).to(device)


def _to_numpy(images: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return images.permute(0, 2, 3, 1).cpu().numpy()


def _score(
    trial: Trial, extractor: Extractor, sets: ImageSets, store: Store
) -> tuple[Record, dict[str, bytes]]:
    """Score samples with the suite's extractor and with pixels beside it; keep images for the report."""
    channels, seed = trial.model.channels, seed_for(trial, "scoring")
    cache = FeatureCache(extractor, sets.heldout, store.features)
    scores: Record = {
        "extractor": extractor.name,
        "extractor_fingerprint": extractor.fingerprint,
        "extractor_accuracy": getattr(extractor, "accuracy", None),
        "samples": len(sets.generated),
        "references": len(sets.heldout),
        **score_samples(cache, sets, seed=seed, metrics=trial.metrics),
    }
    if trial.extractor != "pixels":
        pixels = FeatureCache(load_extractor("pixels", channels=channels), sets.heldout, store.features)
        beside = score_samples(pixels, sets, seed=seed, metrics=trial.metrics)
        scores |= suffixed({k: v for k, v in beside.items() if k not in COUNTS}, "_pixels")
    return scores, {"images.npz": _shown(cache, sets)}


def _shown(cache: FeatureCache, sets: ImageSets) -> bytes:
    """Return the images a report shows: samples beside the nearest real ones in the extractor's features."""
    samples = sets.generated[:SHOWN]
    features = cache.generated(samples)
    nearest_train = sets.train[nearest_index(features, cache.real(sets.train))]
    nearest_heldout = sets.heldout[nearest_index(features, cache.real(sets.heldout))]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        samples=samples,
        heldout=sets.heldout[:SHOWN],
        reconstructions=sets.reconstructions[:SHOWN],
        nearest_train=nearest_train,
        nearest_heldout=nearest_heldout,
    )
    return buffer.getvalue()


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


def _likelihood(model: PCVQ2, train: Tensor, validation: Tensor | None, heldout: Tensor) -> Record:
    """Return the ledger of every split on clean images, in bits per dimension."""
    ledgers = {"train": model.bits_per_dim(train[:LIKELIHOOD_IMAGES]), "heldout": model.bits_per_dim(heldout)}
    if validation is not None:
        ledgers["validation"] = model.bits_per_dim(validation)
    keys: Record = {}
    for split, ledger in ledgers.items():
        infix = "" if split == "heldout" else f"_{split}"
        keys |= {f"rate_{level}{infix}_bpd": float(rate.mean()) for level, rate in ledger.rates.items()}
        keys[f"bpd_{split}"] = float(ledger.total.double().mean())
        keys[f"rate_{split}_bpd"] = float(ledger.rate.double().mean())
        keys[f"distortion{infix}_bpd"] = float(ledger.distortion.double().mean())
    if validation is None:
        keys |= {"bpd_validation": None, "bpd_validation_null_reason": "no image of the budget validates"}
    heldout_total = ledgers["heldout"].total
    bpd = mean_scored(heldout_total.double().cpu().numpy())
    keys |= {"bpd_heldout_low": bpd.low, "bpd_heldout_high": bpd.high}
    keys["bpd_gap"] = keys["bpd_heldout"] - keys["bpd_train"]
    return keys


def _codes(model: PCVQ2, heldout: Tensor) -> Record:
    """Return how the codebooks are used on held-out images: a collapsed map has perplexity near 1."""
    keys: Record = {"codebook_size": model.config.vqvae.codes}
    for level, codes in zip(model.config.vqvae.levels, model.encode(heldout), strict=True):
        keys[f"perplexity_{level}"], keys[f"codes_used_{level}"] = code_usage(codes)
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
