"""The names of the scores: importable without torch, so that a suite can be checked in a blink."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.errors import UserError, unknown_name

METRICS: dict[str, str] = {
    "fid": "Frechet distance between held-out and generated features (lower is better)",
    "kid": "unbiased squared MMD with a cubic kernel, held-out against generated (lower is better)",
    "fid_inf": "Frechet distance at infinitely many images, extrapolated over 1/N (may be below 0)",
    "fid_train": "Frechet distance to the training subset, in equal numbers with fid_pool and fid_heldout "
    "(lowest of the three: copying)",
    "fid_pool": "Frechet distance to the full training pool, in equal numbers",
    "fid_heldout": "Frechet distance to held-out images, in the same numbers as fid_train and fid_pool",
    "fid_heldout_minus_train": "fid_heldout - fid_train (well above 0: copying)",
    "fid_heldout_minus_pool": "fid_heldout - fid_pool",
    "fid_floor": "Frechet distance between real images at the number scored: what a perfect generator gets",
    "kid_floor": "squared MMD between real images at the number scored, with its spread: below it is noise",
    "precision": "share of generated images that lie on the held-out manifold, k = 3 (higher is better)",
    "recall": "share of held-out images that lie on the generated manifold, k = 3 (higher is better)",
    "density": "mean number of held-out balls around a generated image, over k = 5 (1 = as the data)",
    "coverage": "share of held-out balls hit by a generated image, k = 5 (higher is better)",
    "rfid": "Frechet distance between held-out images and their reconstructions (lower is better)",
    "nearest_training_ratio": "median distance to the nearest training image, generated over held-out "
    "(1 = as far as fresh real images, well below 1 = copying)",
    "authenticity": "share of generated images farther from their nearest training image than that one "
    "is from its own nearest (AuthPct; low = copying)",
    "copying_z": "C_T: are generated images nearer to training images than held-out ones, in standard errors "
    "(far below 0 = copying, far above 0 = underfitted)",
    "leakage": "share of each operation of the augmentation space that appears in generated images, leak_* "
    "(0 = none, 1 = as in fully augmented images)",
}

FIRST_JUDGE, _SMALL = 2, 32  # version of the judge of leakage, and px up to which it is that one

OF_POOL = frozenset({"fid_pool", "fid_heldout_minus_pool", "fid_floor", "kid_floor"})  # look at the pool
NOT_OF_SAMPLES = frozenset({"rfid", "fid_floor", "kid_floor"})  # the same whatever a model samples


# held-out images without which a metric cannot be had at all; others are null then, with the reason
LEAST_HELDOUT = {"leakage": 4}


def check_metrics(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names, all of METRICS for None; UserError with a suggestion for an unknown one."""
    if names is None:
        return tuple(METRICS)
    for name in names:
        if name not in METRICS:
            raise UserError(*unknown_name("metric", name, METRICS))
    return tuple(names)


def judge_version(size: int) -> int:
    """Return which judge of leakage looks at images of so many pixels a side; scores of two are not mixed."""
    return (
        FIRST_JUDGE if size <= _SMALL else 3
    )  # 1 depended on memory layout and threads; 3: a quarter of 2's cost


def probe_steps(size: int) -> int:
    """Return for how many steps a leakage probe is trained on images of so many pixels a side."""
    return 600 if judge_version(size) == FIRST_JUDGE else 250
