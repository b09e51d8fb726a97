"""Compute every score of one trial from its images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from benchmark.metrics.distances import frechet_distance, kernel_distance
from benchmark.metrics.extractors import Extractor, Images
from benchmark.metrics.features import Features, UncomputableScoreError
from benchmark.metrics.manifold import manifold_scores
from benchmark.metrics.memorisation import nearest_training_ratio
from benchmark.metrics.names import check_metrics

Score = float | int | str | None
SETS_OF = {  # what each score looks at
    "fid": ("heldout", "generated"),
    "kid": ("heldout", "generated"),
    "precision": ("heldout", "generated"),
    "recall": ("heldout", "generated"),
    "density": ("heldout", "generated"),
    "coverage": ("heldout", "generated"),
    "rfid": ("heldout", "reconstructions"),
    "nearest_training_ratio": ("train", "heldout", "generated"),
}


def score_samples(
    extractor: Extractor,
    *,
    train: Images,
    heldout: Images,
    generated: Images,
    reconstructions: Images,
    seed: int,
    metrics: Sequence[str] | None = None,
) -> dict[str, Score]:
    """Return the scores named in `metrics` (all of METRICS for None) of uint8 images (N, H, W, C).

    Leakage, which needs the augmentation space, is benchmark.metrics.leakage's.

    The extractor is fitted on the held-out images first. Held-out and generated images are compared in
    equal numbers, the first min(N, M) of each, recorded as `score_images`; held-out images and their
    reconstructions likewise (`rfid_images`). A score without a value is None beside `<score>_null_reason`.
    `seed` draws the subsets of the kernel distance.
    """
    names = [name for name in check_metrics(metrics) if name in SETS_OF]
    images = {"train": train, "heldout": heldout, "generated": generated, "reconstructions": reconstructions}
    extractor.fit(heldout)
    wanted = {which for name in names for which in SETS_OF[name]}
    features = {which: _features(extractor, images[which]) for which in images if which in wanted}
    counts = {
        "score_images": min(len(heldout), len(generated)),
        "rfid_images": min(len(heldout), len(reconstructions)),
    }
    return {**counts, **_computed(names, _recipes(features, seed))}


def _features(extractor: Extractor, images: Images) -> Features:
    return extractor(images) if len(images) else np.empty((0, 0), np.float32)


def _recipes(features: Mapping[str, Features], seed: int) -> dict[str, Callable[[], float]]:
    """Say how each score is computed from the features of the sets it looks at."""

    def pair(*, other: str = "generated") -> tuple[Features, Features]:
        count = min(len(features["heldout"]), len(features[other]))
        return features["heldout"][:count], features[other][:count]

    manifold = cache(lambda: manifold_scores(*pair()))  # one pass for four scores
    return {
        "fid": lambda: frechet_distance(*pair()),
        "kid": lambda: kernel_distance(*pair(), seed=seed),
        "precision": lambda: manifold().precision,
        "recall": lambda: manifold().recall,
        "density": lambda: manifold().density,
        "coverage": lambda: manifold().coverage,
        "rfid": lambda: frechet_distance(*pair(other="reconstructions")),
        "nearest_training_ratio": lambda: nearest_training_ratio(
            features["train"], features["heldout"], features["generated"]
        ),
    }


def _computed(names: Sequence[str], recipes: Mapping[str, Callable[[], float]]) -> dict[str, Score]:
    """Follow the recipes of the named scores; None and the reason where there is no value."""
    scores: dict[str, Score] = {}
    for name in names:
        try:
            scores[name] = recipes[name]()
        except UncomputableScoreError as error:
            scores[name] = None
            scores[f"{name}_null_reason"] = str(error)
    return scores


def suffixed(scores: Mapping[str, Score], suffix: str) -> dict[str, Score]:
    """Rename every score: `fid` becomes `fid_pixels` and `fid_null_reason` `fid_pixels_null_reason`."""
    reason = "_null_reason"
    return {
        f"{name.removesuffix(reason)}{suffix}{reason if name.endswith(reason) else ''}": value
        for name, value in scores.items()
    }
