"""What a record says of a model's samples: scores, leakage, and the images a report shows."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from benchmark.metrics.extractor_base import Extractor
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.leakage import build_judge, leakage_scores
from benchmark.metrics.memorisation import nearest_index
from benchmark.metrics.score import COUNTS, ImageSets, Score, score_samples, suffixed
from benchmark.plan import Trial
from benchmark.records import Record, Store
from benchmark.seeds import seed_for
from pcvq2.randomness import derive_seed

SHOWN = 32  # images of each kind kept for the report's grids


def sample_keys(
    trial: Trial, extractor: Extractor, sets: ImageSets, store: Store
) -> tuple[Record, dict[str, bytes]]:
    """Score samples with the suite's extractor and with pixels beside it; keep images for the report."""
    scores: Record = {
        "extractor": extractor.name,
        "extractor_fingerprint": extractor.fingerprint,
        "extractor_accuracy": getattr(extractor, "accuracy", None),
        "samples": len(sets.generated),
        "references": len(sets.heldout),
        **feature_scores(trial, extractor, sets, store),
    }
    cache = FeatureCache(extractor, sets.heldout, store.features)
    return scores, {"images.npz": _shown(cache, sets)}


def feature_scores(
    trial: Trial,
    extractor: Extractor,
    sets: ImageSets,
    store: Store,
    *,
    metrics: Sequence[str] | None = None,
    sampling: int = 0,
) -> dict[str, Score]:
    """Return the scores of one set of samples in both kinds of features; the suite's metrics for None."""
    wanted = {"metrics": trial.metrics if metrics is None else metrics}
    seed = seed_for(trial, "scoring", sampling)
    scores = score_samples(FeatureCache(extractor, sets.heldout, store.features), sets, seed=seed, **wanted)
    if trial.extractor != "pixels":
        pixels = load_extractor("pixels", channels=trial.model.channels)
        cache = FeatureCache(pixels, sets.heldout, store.features)
        beside = score_samples(cache, sets, seed=seed, **wanted)
        scores |= suffixed({k: v for k, v in beside.items() if k not in COUNTS}, "_pixels")
    return scores


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


def leakage_keys(
    trial: Trial, heldout: Tensor, samples: Tensor, store: Store, *, sampling: int = 0
) -> Record:
    """Return how much of the suite's augmentation appears in the samples."""
    if "leakage" not in trial.metrics or not trial.space.ranges:
        return {}
    probing = derive_seed(trial.fingerprint, "leakage")  # one judge for all trials of a dataset and space
    judge = build_judge(heldout, trial.space, seed=probing % 2**31, folder=store.probes)
    return leakage_scores(judge, samples, seed=seed_for(trial, "leakage", sampling) % 2**31)
