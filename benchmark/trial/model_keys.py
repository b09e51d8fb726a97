"""What a record says of a trained model: its budget, likelihood, codes, reconstructions and training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.families.contract import Ledger, Model
from benchmark.metrics.intervals import mean_scored
from benchmark.planning.trial import Trial
from benchmark.planning.work import LIKELIHOOD_IMAGES
from benchmark.pulse import pulse
from benchmark.store.store import Record
from benchmark.trial.views import Views
from pcvq2.trainer.log import FitLog

_BATCH = 128  # images whose likelihood is taken at once
_REBUILT = 256  # or that are reconstructed
LISTED_INDICES = 5000  # a longer budget is named by its seed alone
UNREPRESENTED = "the model has no representation to reconstruct images from"


def budget_keys(rows: np.ndarray[Any, np.dtype[np.int64]], pool: int, order_seed: int) -> Record:
    """Return which images of the pool were the budget, so that anyone can rebuild it."""
    keys: Record = {"pool_images": pool, "budget_order_seed": order_seed}
    if len(rows) <= LISTED_INDICES:
        return keys | {"budget_indices": rows.tolist()}
    how = "the first `budget` of numpy.random.default_rng(budget_order_seed).permutation(pool_images)"
    return keys | {"budget_indices": None, "budget_indices_null_reason": f"too many to list: {how}"}


def likelihood_keys(model: Model, train: Tensor, validation: Tensor | None, heldout: Tensor) -> Record:
    """Return the ledger of every split on clean images, in bits per dimension.

    `TERM_bpd` and `TERM_SPLIT_bpd` of each term, `SUBTOTAL_SPLIT_bpd`, `bpd_SPLIT`.
    """
    splits = {"train": train[:LIKELIHOOD_IMAGES], "heldout": heldout}
    if validation is not None:
        splits["validation"] = validation
    totals: dict[str, Tensor] = {}
    keys: Record = {}
    for split, images in splits.items():
        infix = "" if split == "heldout" else f"_{split}"
        ledgers = list(_ledgers(model, images))
        totals[split] = torch.cat([ledger.total for ledger in ledgers])
        keys |= {f"{name}{infix}_bpd": value for name, value in _means([x.terms for x in ledgers])}
        keys[f"bpd_{split}"] = float(totals[split].double().mean())
        keys |= {f"{name}_{split}_bpd": value for name, value in _means([x.subtotals for x in ledgers])}
    if validation is None:
        keys |= {"bpd_validation": None, "bpd_validation_null_reason": "no image of the budget validates"}
    bpd = mean_scored(totals["heldout"].double().cpu().numpy())
    keys |= {"bpd_heldout_low": bpd.low, "bpd_heldout_high": bpd.high}
    keys["bpd_gap"] = keys["bpd_heldout"] - keys["bpd_train"]
    return keys


def _ledgers(model: Model, images: Tensor) -> Iterator[Ledger]:
    for batch in images.split(_BATCH):
        pulse()
        yield model.bits_per_dim(batch)


def _means(parts: Sequence[Mapping[str, Tensor]]) -> Iterator[tuple[str, float]]:
    for name in parts[0]:
        yield name, float(torch.cat([part[name] for part in parts]).mean())


def reference_keys(budget: Tensor, heldout: Tensor) -> Record:
    """Return what held-out images cost where only the levels of each pixel of the budget are known.

    A table's reference line; no part of the trial's key, for it depends on nothing but the images.
    """
    from benchmark.families.marginals.model import marginal_bits

    return {"bpd_marginals": marginal_bits(budget, heldout)}


def reconstruct(model: Model, images: Tensor) -> Tensor | None:
    """Return uint8 images (N, C, H, W) as the model's representation keeps them; None where it has none."""
    rebuilt: list[Tensor] = []
    for batch in images.split(_REBUILT):
        pulse()
        found = model.reconstruct(batch)
        if found is None:
            return None
        rebuilt.append(found)
    return torch.cat(rebuilt)


def reconstruction_keys(model: Model, train: Tensor, heldout: Tensor, rebuilt: Tensor | None) -> Record:
    """Return mean squared errors of pixels in [0, 1]; null for a model that reconstructs nothing."""
    seen = train[:LIKELIHOOD_IMAGES]
    again = None if rebuilt is None else reconstruct(model, seen)
    if rebuilt is None or again is None:
        keys = ("reconstruction_mse", "reconstruction_mse_train")
        return dict.fromkeys(keys) | {f"{key}_null_reason": UNREPRESENTED for key in keys}

    def error(images: Tensor, others: Tensor) -> float:
        return float(((images.double() - others.double()) / 255).square().mean())

    return {
        "reconstruction_mse": error(heldout, rebuilt),
        "reconstruction_mse_train": error(seen, again),
    }


def training_keys(trial: Trial, log: FitLog, views: Views) -> Record:
    """Return costs and the learning curve of the last stage."""
    per_dim = 1.0 / math.log(2.0) / (trial.model.channels * trial.model.size**2)
    steps = [int(row["step"] or 0) for row in log.curve]

    def rates(split: str) -> list[float | None]:
        values = [row[split] for row in log.curve]
        return [None if value is None else value * per_dim for value in values]

    return {
        "validation_images": trial.validation_images,
        "images_seen": log.images_seen,
        **{f"{stage}_seconds": of.seconds for stage, of in log.stages.items()},
        **{f"{s.name}_shared": log.stages[s.name].shared for s in trial.family.stages if s.shareable},
        **{f"precision_{stage}": of.precision for stage, of in log.stages.items()},
        **{f"{stage}_steps": of.steps for stage, of in log.stages.items()},
        "selected_step": log.selected_step,
        "curve_step": steps,
        "curve_strength": [views.strength_at(step) for step in steps],
        "curve_gap": [views.gaps.get(step) for step in steps],
        **{f"curve_rate_{split}_bpd": rates(split) for split in ("train", "heldout", "validation")},
    }
