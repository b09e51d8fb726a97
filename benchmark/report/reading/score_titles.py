"""Say what the numbers of a record are called and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.metrics.catalogue import OF_FEATURES


@dataclass(frozen=True)
class NamedScore:
    """Name a score for people; `better` is "lower", "higher" or "" where neither is."""

    key: str
    title: str
    better: str = ""


# Measured twice: in the features of the suite's extractor and, with the suffix _pixels, on pixels.
_OF_FEATURES = tuple(NamedScore(metric.name, metric.title, metric.better) for metric in OF_FEATURES)
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
