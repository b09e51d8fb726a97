"""Say what the numbers of a record are called and which way is better."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.report.reading.loading import TrialRecord

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
        "score_images",
        "rfid_images",
        "reference_images",
        "floor_images",
        "kid_subset",
        "extractor_accuracy",
        "pool_images",
        "budget_order_seed",
        "cpu_threads",
    }
)


@dataclass(frozen=True)
class NamedScore:
    """Name a score for people; `better` is "lower", "higher" or "" where neither is."""

    key: str
    title: str
    better: str = ""


# Measured twice: in the features of the suite's extractor and, with the suffix _pixels, on pixels.
_OF_FEATURES = (
    NamedScore("kid", "KID", "lower"),
    NamedScore("fid", "FID", "lower"),
    NamedScore("nearest_training_ratio", "nearest-training ratio"),
    NamedScore("precision", "precision", "higher"),
    NamedScore("recall", "recall", "higher"),
    NamedScore("density", "density", "higher"),
    NamedScore("coverage", "coverage", "higher"),
    NamedScore("rfid", "reconstruction FID", "lower"),
    NamedScore("fid_inf", "FID∞", "lower"),
    NamedScore("fid_floor", "FID, real against real"),
    NamedScore("kid_floor", "KID, real against real"),
    NamedScore("fid_train", "FID to the training subset"),
    NamedScore("fid_pool", "FID to the training pool", "lower"),
    NamedScore("fid_heldout", "FID to held-out, equal numbers", "lower"),
    NamedScore("fid_heldout_minus_train", "FID, held-out − training subset"),
    NamedScore("fid_heldout_minus_pool", "FID, held-out − training pool"),
    NamedScore("authenticity", "authentic share"),
    NamedScore("copying_z", "copying C_T"),
)
_CATALOGUE = (
    NamedScore("bpd_heldout", "bits/dim, held-out", "lower"),
    NamedScore("bpd_train", "bits/dim, training images", "lower"),
    NamedScore("bpd_validation", "bits/dim, validation images", "lower"),
    NamedScore("bpd_gap", "gap train → held-out, bits/dim", "lower"),
    NamedScore("rate_heldout_bpd", "prior's rate, held-out, bits/dim", "lower"),
    NamedScore("rate_train_bpd", "prior's rate, training images, bits/dim", "lower"),
    NamedScore("rate_top_bpd", "rate of the top codes, bits/dim", "lower"),
    NamedScore("rate_bottom_bpd", "rate of the bottom codes, bits/dim", "lower"),
    NamedScore("rate_top_train_bpd", "rate of the top codes, training images, bits/dim", "lower"),
    NamedScore("rate_bottom_train_bpd", "rate of the bottom codes, training images, bits/dim", "lower"),
    NamedScore("distortion_bpd", "distortion, held-out, bits/dim", "lower"),
    NamedScore("distortion_train_bpd", "distortion, training images, bits/dim", "lower"),
    NamedScore("rate_validation_bpd", "prior's rate, validation images, bits/dim", "lower"),
    NamedScore("rate_top_validation_bpd", "rate of the top codes, validation images, bits/dim", "lower"),
    NamedScore(
        "rate_bottom_validation_bpd", "rate of the bottom codes, validation images, bits/dim", "lower"
    ),
    NamedScore("distortion_validation_bpd", "distortion, validation images, bits/dim", "lower"),
    *_OF_FEATURES,
    *(NamedScore(f"{known.key}_pixels", f"{known.title}, pixels", known.better) for known in _OF_FEATURES),
    # of `shapes` only, whose true distribution is known: benchmark.data.shape_reading
    NamedScore("impossible_figure", "no figure at all", "lower"),
    NamedScore("impossible_flip", "mirrored", "lower"),
    NamedScore("impossible_angle", "impossible angle", "lower"),
    NamedScore("impossible_x", "impossible x", "lower"),
    NamedScore("impossible_y", "impossible y", "lower"),
    NamedScore("impossible_scale", "impossible scale", "lower"),
    NamedScore("impossible_hue", "impossible hue", "lower"),
    NamedScore("reconstruction_mse", "reconstruction MSE", "lower"),
    NamedScore("reconstruction_mse_train", "reconstruction MSE, training images", "lower"),
    NamedScore("perplexity_top", "perplexity, top"),
    NamedScore("perplexity_bottom", "perplexity, bottom"),
    NamedScore("codes_used_top", "codes used, top"),
    NamedScore("codes_used_bottom", "codes used, bottom"),
    NamedScore("mean_strength", "mean strength"),
    NamedScore("mean_strength_codes", "mean strength, stage codes"),
    NamedScore("mean_strength_prior", "mean strength, stage prior"),
    NamedScore("augmented_share", "augmented share"),
    NamedScore("selected_step", "selected step"),
    NamedScore("validation_images", "validation images"),
    NamedScore("images_seen", "images seen"),
    NamedScore("parameters", "parameters"),
    NamedScore("wall_seconds", "wall seconds", "lower"),
    NamedScore("codes_seconds", "seconds in stage codes", "lower"),
    NamedScore("prior_seconds", "seconds in stage prior", "lower"),
    NamedScore("sampling_seconds", "seconds sampling", "lower"),
    NamedScore("scoring_seconds", "seconds scoring", "lower"),
    NamedScore("repeated_seconds", "seconds drawing and scoring further sets of samples", "lower"),
)
SCORES = {score.key: score for score in _CATALOGUE}


def score(key: str) -> NamedScore:
    """Return a score's name and direction; a plugin's score is called by its key."""
    if key.startswith(LEAK):
        return SCORES.get(
            key, NamedScore(key, f"leakage of {key.removeprefix(LEAK).replace('_', ' ')}", "lower")
        )
    return SCORES.get(key, NamedScore(key, key))


def number_in(record: TrialRecord, key: str) -> float | None:
    """Return a record's finite number, or None where it is null, not finite or not a number."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def numeric_keys(records: Iterable[TrialRecord]) -> tuple[str, ...]:
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
