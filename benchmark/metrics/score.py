"""Compute every score of one set of generated images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmark.data.loaded import Rows
from benchmark.metrics.extractor_base import Images
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.feature_sets import FeatureSets
from benchmark.metrics.features import UncomputableScoreError
from benchmark.metrics.names import COUNTS, SETS_OF, check_metrics
from benchmark.metrics.own_metric import MetricSets
from benchmark.metrics.products import products_on
from benchmark.metrics.recipes import recipe_of
from benchmark.pulse import pulse

ScoreValue = float | int | str | None
POOL_MOST = 10_000  # images of the training pool that are looked at, drawn once
_MADE = ("generated", "reconstructions")  # sets that are no real images: nobody asks for them again
_ENDS = ("_null_reason", "_low", "_high")
_NONE = np.empty((0, 0, 0, 0), np.uint8)


@dataclass(frozen=True)
class ImageSets:
    """The images that are compared, uint8 (N, H, W, C) each; an empty set leaves its scores null."""

    heldout: Images
    generated: Images
    train: Images = field(default_factory=lambda: _NONE)  # what the model was trained on
    pool: Images | Rows = field(default_factory=lambda: _NONE)  # all there are, `train` among them
    reconstructions: Images = field(default_factory=lambda: _NONE)  # of `heldout`, in its order


def score_samples(
    cache: FeatureCache, sets: ImageSets, *, seed: int, metrics: Sequence[str] | None = None
) -> dict[str, ScoreValue]:
    """Return the scores named in `metrics` (all of METRICS for None), each with N and, where it has one, the
    95 % interval over images as `<score>_low` and `<score>_high`.

    Leakage, which needs the augmentation space, is benchmark.metrics.leakage's.

    Two sets are always compared in equal numbers, the first min(N, M) of each (`score_images`); held-out
    images and their reconstructions likewise (`rfid_images`). The three references of FID (training
    subset, pool, held-out) all have as many images as the smallest of the sets (`reference_images`). A score
    without a value is None beside `<score>_null_reason`. `seed` draws the subsets of the kernel distance.
    """
    names = [name for name in check_metrics(metrics) if name in SETS_OF]
    wanted = {which for name in names for which in SETS_OF[name]}
    images = {
        "heldout": sets.heldout,
        "train": sets.train,
        "pool": drawn_pool(sets.pool),
        "generated": sets.generated,
        "reconstructions": sets.reconstructions,
    }
    features = {
        which: (cache.generated if which in ("generated", "reconstructions") else cache.real)(images[which])
        for which in images
        if which in wanted
    }
    compared = FeatureSets(features, seed)
    counts = {key: compared.count(key) for key, users in COUNTS.items() if set(users) & set(names)}
    with products_on(getattr(cache.extractor, "device", None)):
        return {**counts, **_computed(names, compared)}


def metric_sets(cache: FeatureCache, sets: ImageSets, seed: int) -> MetricSets:
    """Return what a metric of the user's own is shown; features are computed where it asks for them."""
    images = {name: getattr(sets, name) for name in ("generated", "heldout", "train", "reconstructions")}

    def features(which: str) -> NDArray[np.float32]:
        return cache.generated(images[which]) if which in _MADE else cache.real(images[which])

    return MetricSets(images, features, seed)


def drawn_pool(pool: Images | Rows) -> Images:
    """Return at most POOL_MOST images of the pool, in an order that does not follow their file names."""
    order = np.random.default_rng(0).permutation(len(pool))[:POOL_MOST]
    return pool[order]


def _computed(names: Sequence[str], sets: FeatureSets) -> dict[str, ScoreValue]:
    """Follow the recipes of the named scores; None and the reason where there is no value."""
    scores: dict[str, ScoreValue] = {}
    for name in names:
        pulse()
        try:
            scored = recipe_of(name)(sets)
        except UncomputableScoreError as error:
            scores |= {name: None, f"{name}_null_reason": str(error)}
            continue
        scores[name] = scored.value
        if scored.low is not None and scored.high is not None:
            scores |= {f"{name}_low": scored.low, f"{name}_high": scored.high}
    return scores


def suffixed(scores: Mapping[str, ScoreValue], suffix: str) -> dict[str, ScoreValue]:
    """Rename every score: `fid` becomes `fid_pixels`, `fid_low` `fid_pixels_low`."""
    renamed: dict[str, ScoreValue] = {}
    for name, value in scores.items():
        end = next((end for end in _ENDS if name.endswith(end)), "")
        renamed[f"{name.removesuffix(end)}{suffix}{end}"] = value
    return renamed
