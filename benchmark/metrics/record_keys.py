"""The keys of a record that a score of the user's own cannot take."""

from __future__ import annotations

from benchmark.metrics.names import COUNTS, METRICS

_PREFIXES = ("leak_", "impossible_", "curve_", "repeated_")
_ENDS = ("_low", "_high", "_pixels", "_null_reason")  # of another score
_OTHERS = (
    "augmented_share bpd_gap bpd_heldout bpd_train bpd_validation budget budget_indices budget_order_seed "
    "cause codebook_size codes_seconds codes_shared codes_steps codes_used_bottom codes_used_top "
    "cpu_threads dataset dataset_fingerprint device distortion_bpd distortion_train_bpd "
    "distortion_validation_bpd extractor extractor_accuracy extractor_fingerprint finished_at git_commit "
    "hardware id images_seen initialisation mean_strength mean_strength_codes mean_strength_prior "
    "own_metrics parameters perplexity_bottom perplexity_top pool_images precision_codes precision_prior "
    "prior_seconds prior_steps rate_bottom_bpd rate_bottom_train_bpd rate_bottom_validation_bpd "
    "rate_heldout_bpd rate_top_bpd rate_top_train_bpd rate_top_validation_bpd rate_train_bpd "
    "rate_validation_bpd reason reconstruction_mse reconstruction_mse_train references repeated_scores "
    "repeated_seconds samples sampling_seconds schema_version scoring_seconds seed selected_step status "
    "strategy strategy_class strategy_state traceback trial validation_images versions wall_seconds "
)
_KEYS = frozenset(_OTHERS.split())


def why_taken(key: str) -> str:
    """Say why a score cannot be called that; "" where it can."""
    if key in METRICS or key in COUNTS or key in _KEYS:
        return "a key that records have already"
    prefix = next((prefix for prefix in _PREFIXES if key.startswith(prefix)), "")
    if prefix:
        return f"a key of the harness, whose start is {prefix}"
    end = next((end for end in _ENDS if key.endswith(end)), "")
    return f"a key whose end, {end}, means something about another score" if end else ""
