"""Every score of generated images: the table that names, sets, counts and titles are read from (no torch).

A score of features is added by an entry here and the file its `recipe` names; nothing else knows of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", ""]  # "": neither is better

PRDC = ("heldout", "generated")
MEMORY = ("train", "heldout", "generated")
_RECIPES = "benchmark.metrics.recipes"


@dataclass(frozen=True)
class Metric:
    """Describe a score.

    sets: what it looks at: heldout, generated, train, pool, reconstructions; () where it is none of features.
    counts: the keys beside it that say how many images of each side are compared, see FeatureSets.count.
    of_samples: whether it can differ between two sets of samples of one model.
    least_heldout: held-out images without which a suite that names it is refused; with fewer than it needs
    otherwise, it is null in the record, with the reason.
    recipe: `module:function` that computes it from FeatureSets; of benchmark.metrics.recipes unless given.
    """

    name: str
    about: str
    title: str = ""  # in tables
    better: Better = ""
    sets: tuple[str, ...] = PRDC
    counts: tuple[str, ...] = ()
    of_samples: bool = True
    least_heldout: int = 0
    recipe: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Return module and function of its recipe."""
        module, _, function = (self.recipe or f"{_RECIPES}:{self.name}").partition(":")
        return module, function


def _metrics(entries: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in entries}


_COMPARED, _REFERENCES, _FLOOR = ("score_images",), ("reference_images",), ("floor_images",)

# in the order of tables
CATALOGUE: dict[str, Metric] = _metrics(
    [
        Metric(
            "kid",
            "unbiased squared MMD with a cubic kernel, held-out against generated (lower is better)",
            "KID",
            "lower",
            counts=("score_images", "kid_subset"),
        ),
        Metric(
            "fid",
            "Frechet distance between held-out and generated features (lower is better)",
            "FID",
            "lower",
            counts=_COMPARED,
        ),
        Metric(
            "nearest_training_ratio",
            "median distance to the nearest training image, generated over held-out "
            "(1 = as far as fresh real images, well below 1 = copying)",
            "nearest-training ratio",
            sets=MEMORY,
        ),
        Metric(
            "precision",
            "share of generated images that lie on the held-out manifold, k = 3 (higher is better)",
            "precision",
            "higher",
            counts=_COMPARED,
        ),
        Metric(
            "recall",
            "share of held-out images that lie on the generated manifold, k = 3 (higher is better)",
            "recall",
            "higher",
            counts=_COMPARED,
        ),
        Metric(
            "density",
            "mean number of held-out balls around a generated image, over k = 5 (1 = as the data)",
            "density",
            "higher",
            counts=_COMPARED,
        ),
        Metric(
            "coverage",
            "share of held-out balls hit by a generated image, k = 5 (higher is better)",
            "coverage",
            "higher",
            counts=_COMPARED,
        ),
        Metric(
            "rfid",
            "Frechet distance between held-out images and their reconstructions (lower is better)",
            "reconstruction FID",
            "lower",
            sets=("heldout", "reconstructions"),
            counts=("rfid_images",),
            of_samples=False,
        ),
        Metric(
            "fid_inf",
            "Frechet distance at infinitely many images, extrapolated over 1/N (may be below 0)",
            "FID∞",
            "lower",
            counts=_COMPARED,
        ),
        Metric(
            "fid_floor",
            "Frechet distance between real images at the number scored: what a perfect generator gets",
            "FID, real against real",
            sets=(*PRDC, "pool"),
            counts=_FLOOR,
            of_samples=False,
        ),
        Metric(
            "kid_floor",
            "squared MMD between real images at the number scored, with its spread: below it is noise",
            "KID, real against real",
            sets=(*PRDC, "pool"),
            counts=_FLOOR,
            of_samples=False,
        ),
        Metric(
            "fid_train",
            "Frechet distance to the training subset, in equal numbers with fid_pool and fid_heldout "
            "(lowest of the three: copying)",
            "FID to the training subset",
            sets=MEMORY,
            counts=_REFERENCES,
        ),
        Metric(
            "fid_pool",
            "Frechet distance to the full training pool, in equal numbers",
            "FID to the training pool",
            "lower",
            sets=(*MEMORY, "pool"),
            counts=_REFERENCES,
        ),
        Metric(
            "fid_heldout",
            "Frechet distance to held-out images, in the same numbers as fid_train and fid_pool",
            "FID to held-out, equal numbers",
            "lower",
            sets=MEMORY,
            counts=_REFERENCES,
        ),
        Metric(
            "fid_heldout_minus_train",
            "fid_heldout - fid_train (well above 0: copying)",
            "FID, held-out − training subset",
            sets=MEMORY,
        ),
        Metric(
            "fid_heldout_minus_pool",
            "fid_heldout - fid_pool",
            "FID, held-out − training pool",
            sets=(*MEMORY, "pool"),
        ),
        Metric(
            "authenticity",
            "share of generated images farther from their nearest training image than that one "
            "is from its own nearest (AuthPct; low = copying)",
            "authentic share",
            sets=MEMORY,
        ),
        Metric(
            "copying_z",
            "C_T: are generated images nearer to training images than held-out ones, in standard errors "
            "(far below 0 = copying, far above 0 = underfitted)",
            "copying C_T",
            sets=MEMORY,
        ),
        # of the augmentation space and a judge: benchmark.metrics.leakage
        Metric(
            "leakage",
            "share of each operation of the augmentation space that appears in generated images, leak_* "
            "(0 = none, 1 = as in fully augmented images)",
            sets=(),
            least_heldout=4,
        ),
    ]
)

OF_FEATURES = tuple(metric for metric in CATALOGUE.values() if metric.sets)
