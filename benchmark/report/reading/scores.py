"""Say what the numbers of a record are called and which way is better."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.metrics.catalogue import OF_FEATURES
from benchmark.metrics.names import COUNTS
from benchmark.report.reading.loading import Record

HEADLINE = "bpd_heldout"
LEAK = "leak_"  # leak_<operation of the suite's augmentation space>
IMPOSSIBLE = "impossible_"  # impossible_<property of `shapes`>
FEW_SAMPLES = 2000  # below this many samples KID, which is unbiased, leads FID

# Numbers that describe the trial rather than its outcome.
SETTINGS = frozenset(
    {
        "schema_version",
        "budget",
        "seed",
        "initialisation",
        "samples",
        "references",
        "codebook_size",
        "codes_steps",
        "prior_steps",
        *COUNTS,
        "extractor_accuracy",
        "pool_images",
        "budget_order_seed",
        "cpu_threads",
    }
)


@dataclass(frozen=True)
class Score:
    """Name a score for people; `better` is "lower", "higher" or "" where neither is."""

    key: str
    title: str
    better: str = ""


# Measured twice: in the features of the suite's extractor and, with the suffix _pixels, on pixels.
_OF_FEATURES = tuple(Score(metric.name, metric.title, metric.better) for metric in OF_FEATURES)
_CATALOGUE = (
    Score("bpd_heldout", "bits/dim, held-out", "lower"),
    Score("bpd_train", "bits/dim, training images", "lower"),
    Score("bpd_validation", "bits/dim, validation images", "lower"),
    Score("bpd_gap", "gap train → held-out, bits/dim", "lower"),
    Score("rate_heldout_bpd", "prior's rate, held-out, bits/dim", "lower"),
    Score("rate_train_bpd", "prior's rate, training images, bits/dim", "lower"),
    Score("rate_top_bpd", "rate of the top codes, bits/dim", "lower"),
    Score("rate_bottom_bpd", "rate of the bottom codes, bits/dim", "lower"),
    Score("rate_top_train_bpd", "rate of the top codes, training images, bits/dim", "lower"),
    Score("rate_bottom_train_bpd", "rate of the bottom codes, training images, bits/dim", "lower"),
    Score("distortion_bpd", "distortion, held-out, bits/dim", "lower"),
    Score("distortion_train_bpd", "distortion, training images, bits/dim", "lower"),
    Score("rate_validation_bpd", "prior's rate, validation images, bits/dim", "lower"),
    Score("rate_top_validation_bpd", "rate of the top codes, validation images, bits/dim", "lower"),
    Score("rate_bottom_validation_bpd", "rate of the bottom codes, validation images, bits/dim", "lower"),
    Score("distortion_validation_bpd", "distortion, validation images, bits/dim", "lower"),
    *_OF_FEATURES,
    *(Score(f"{known.key}_pixels", f"{known.title}, pixels", known.better) for known in _OF_FEATURES),
    # of `shapes` only, whose true distribution is known: benchmark.data.shape_reading
    Score("impossible_figure", "no figure at all", "lower"),
    Score("impossible_flip", "mirrored", "lower"),
    Score("impossible_angle", "impossible angle", "lower"),
    Score("impossible_x", "impossible x", "lower"),
    Score("impossible_y", "impossible y", "lower"),
    Score("impossible_scale", "impossible scale", "lower"),
    Score("impossible_hue", "impossible hue", "lower"),
    Score("reconstruction_mse", "reconstruction MSE", "lower"),
    Score("reconstruction_mse_train", "reconstruction MSE, training images", "lower"),
    Score("perplexity_top", "perplexity, top"),
    Score("perplexity_bottom", "perplexity, bottom"),
    Score("codes_used_top", "codes used, top"),
    Score("codes_used_bottom", "codes used, bottom"),
    Score("mean_strength", "mean strength"),
    Score("mean_strength_codes", "mean strength, stage codes"),
    Score("mean_strength_prior", "mean strength, stage prior"),
    Score("augmented_share", "augmented share"),
    Score("selected_step", "selected step"),
    Score("validation_images", "validation images"),
    Score("images_seen", "images seen"),
    Score("parameters", "parameters"),
    Score("wall_seconds", "wall seconds", "lower"),
    Score("codes_seconds", "seconds in stage codes", "lower"),
    Score("prior_seconds", "seconds in stage prior", "lower"),
    Score("sampling_seconds", "seconds sampling", "lower"),
    Score("scoring_seconds", "seconds scoring", "lower"),
    Score("repeated_seconds", "seconds drawing and scoring further sets of samples", "lower"),
)
SCORES = {score.key: score for score in _CATALOGUE}


def score(key: str) -> Score:
    """Return a score's name and direction; a plugin's score is called by its key."""
    if key.startswith(LEAK):
        return SCORES.get(key, Score(key, f"leakage of {key.removeprefix(LEAK).replace('_', ' ')}", "lower"))
    return SCORES.get(key, Score(key, key))


def score_in(key: str, records: Iterable[Record]) -> Score:
    """Return a score's name and direction; a metric of the user's own is called what its records say."""
    if key in SCORES or key.startswith(LEAK):
        return score(key)
    for record in records:
        own = record.get("own_metrics")
        for name, about in own.items() if isinstance(own, dict) else ():
            part = key.removeprefix(name).strip("_").replace("_", " ")
            if isinstance(about, dict) and (key == name or key.startswith(f"{name}_")):
                better = about.get("better")
                title = " ".join(f"{about.get('title') or name} {part}".split())
                return Score(key, title, better if better in ("lower", "higher") else "")
    return score(key)


def number_in(record: Record, key: str) -> float | None:
    """Return a record's finite number, or None where it is null, not finite or not a number."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def numeric_keys(records: Iterable[Record]) -> tuple[str, ...]:
    """List every score with a number in some record: known ones in house order, then plugins' by name."""
    every: set[str] = set()
    for record in records:
        every.update(key for key in record.keys() - every if number_in(record, key) is not None)
    found = set(without_bounds(every)) - SETTINGS
    return tuple(key for key in SCORES if key in found) + tuple(sorted(found - SCORES.keys()))


def judged_keys(keys: Iterable[str]) -> list[str]:
    """Keep the scores strategies are tested in: those with a better direction, and plugins'.

    Costs in seconds, the same scores on pixels and the ends of another score's interval are left to the
    table.
    """
    every = without_bounds(keys)
    known = [k for k in every if k in SCORES and SCORES[k].better and not k.endswith(("_seconds", "_pixels"))]
    return known + leak_keys(every) + plugin_keys(every)


def leak_keys(keys: Iterable[str]) -> list[str]:
    """Keep the leakage of each operation, without the ends of its interval."""
    return [key for key in without_bounds(keys) if key.startswith(LEAK)]


def without_bounds(keys: Iterable[str]) -> list[str]:
    """Drop <score>_low and <score>_high, the ends of an interval within one trial."""
    every = list(keys)
    bounds = {f"{key}_{end}" for key in every for end in ("low", "high")}
    return [key for key in every if key not in bounds]


def plugin_keys(keys: Iterable[str]) -> list[str]:
    """Keep the scores the house does not know."""
    return [key for key in without_bounds(keys) if key not in SCORES and not key.startswith(LEAK)]
