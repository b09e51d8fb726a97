"""What a record says of a trained model: its budget, likelihood, codes, reconstructions and training."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from benchmark.metrics.codes import code_usage
from benchmark.metrics.intervals import mean_scored
from benchmark.planning.trial import Trial
from benchmark.planning.work import LIKELIHOOD_IMAGES
from benchmark.pulse import pulse
from benchmark.store.store import Record
from benchmark.trial.views import Views
from pcvq2 import PCVQ2, FitLog
from pcvq2.likelihood import BITS_PER_NAT

LISTED_INDICES = 5000  # a longer budget is named by its seed alone


def budget_keys(rows: np.ndarray[Any, np.dtype[np.int64]], pool: int, order_seed: int) -> Record:
    """Return which images of the pool were the budget, so that anyone can rebuild it."""
    keys: Record = {"pool_images": pool, "budget_order_seed": order_seed}
    if len(rows) <= LISTED_INDICES:
        return keys | {"budget_indices": rows.tolist()}
    how = "the first `budget` of numpy.random.default_rng(budget_order_seed).permutation(pool_images)"
    return keys | {"budget_indices": None, "budget_indices_null_reason": f"too many to list: {how}"}


def likelihood_keys(model: PCVQ2, train: Tensor, validation: Tensor | None, heldout: Tensor) -> Record:
    """Return the ledger of every split on clean images, in bits per dimension."""
    splits = {"train": train[:LIKELIHOOD_IMAGES], "heldout": heldout}
    if validation is not None:
        splits["validation"] = validation
    ledgers = {name: model.bits_per_dim(split, pulse=pulse) for name, split in splits.items()}
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


def code_keys(model: PCVQ2, heldout: Tensor) -> Record:
    """Return how the codebooks are used on held-out images: a collapsed map has perplexity near 1."""
    keys: Record = {"codebook_size": model.config.vqvae.codes}
    for level, codes in zip(model.config.vqvae.levels, model.encode(heldout), strict=True):
        keys[f"perplexity_{level}"], keys[f"codes_used_{level}"] = code_usage(codes)
    return keys


def reconstruction_keys(model: PCVQ2, train: Tensor, heldout: Tensor, rebuilt: Tensor) -> Record:
    """Return mean squared errors of pixels in [0, 1]."""

    def error(images: Tensor, others: Tensor) -> float:
        return float(((images.double() - others.double()) / 255).square().mean())

    seen = train[:LIKELIHOOD_IMAGES]
    return {
        "reconstruction_mse": error(heldout, rebuilt),
        "reconstruction_mse_train": error(seen, model.reconstruct(seen, pulse=pulse)),
    }


def training_keys(trial: Trial, log: FitLog, views: Views) -> Record:
    """Return costs and the learning curve of the stage prior."""
    per_dim = BITS_PER_NAT / (trial.model.channels * trial.model.size**2)
    steps = [int(row["step"] or 0) for row in log.curve]

    def rates(split: str) -> list[float | None]:
        values = [row[split] for row in log.curve]
        return [None if value is None else value * per_dim for value in values]

    return {
        "validation_images": trial.validation_images,
        "images_seen": log.images_seen,
        **{f"{stage}_seconds": of.seconds for stage, of in log.stages.items()},
        "codes_shared": log.stages["codes"].shared,
        **{f"precision_{stage}": of.precision for stage, of in log.stages.items()},
        **{f"{stage}_steps": of.steps for stage, of in log.stages.items()},
        "selected_step": log.selected_step,
        "curve_step": steps,
        "curve_strength": [views.strength_at(step) for step in steps],
        "curve_gap": [views.gaps.get(step) for step in steps],
        **{f"curve_rate_{split}_bpd": rates(split) for split in ("train", "heldout", "validation")},
    }
