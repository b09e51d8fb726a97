"""The names of the scores: importable without torch, so that a suite can be checked in a blink."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.errors import UserError, unknown_name

METRICS: dict[str, str] = {
    "fid": "Frechet distance between held-out and generated features (lower is better)",
    "kid": "unbiased squared MMD with a cubic kernel, held-out against generated (lower is better)",
    "precision": "share of generated images that lie on the held-out manifold, k = 3 (higher is better)",
    "recall": "share of held-out images that lie on the generated manifold, k = 3 (higher is better)",
    "density": "mean number of held-out balls around a generated image, over k = 5 (1 = as the data)",
    "coverage": "share of held-out balls hit by a generated image, k = 5 (higher is better)",
    "rfid": "Frechet distance between held-out images and their reconstructions (lower is better)",
    "nearest_training_ratio": "median distance to the nearest training image, generated over held-out "
    "(1 = as far as fresh real images, well below 1 = copying)",
    "leakage": "share of each operation of the augmentation space that appears in generated images, leak_* "
    "(0 = none, 1 = as in fully augmented images)",
}


def check_metrics(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names, all of METRICS for None; UserError with a suggestion for an unknown one."""
    if names is None:
        return tuple(METRICS)
    for name in names:
        if name not in METRICS:
            raise UserError(*unknown_name("metric", name, METRICS))
    return tuple(names)
