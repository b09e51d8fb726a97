"""How each score is computed from the features of the sets it looks at: one function per name.

A recipe raises UncomputableScoreError with the reason where there is no value.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmark.metrics.catalogue import CATALOGUE
from benchmark.metrics.distances import KID_SUBSET, fit_gaussian, frechet_estimate, kernel_estimate
from benchmark.metrics.extrapolation import extrapolated_frechet
from benchmark.metrics.feature_sets import FeatureSets
from benchmark.metrics.floor import real_floor
from benchmark.metrics.intervals import Estimate, Scored, mean_scored, weighted_sum
from benchmark.metrics.memorisation import authentic_share, copying_statistic, distance_ratio

ScoreRecipe = Callable[[FeatureSets], Scored]


def recipe_of(name: str) -> ScoreRecipe:
    """Return what computes a score of the catalogue."""
    module, function = CATALOGUE[name].place
    recipe: ScoreRecipe = getattr(import_module(module), function)
    return recipe


def fid(sets: FeatureSets) -> Scored:
    """Compare held-out and generated images."""
    return sets.fid().interval()


def kid(sets: FeatureSets) -> Scored:
    """Compare them by a kernel, over subsets that the seed draws."""
    return kernel_estimate(*sets.pair(), subset_size=KID_SUBSET, seed=sets.seed).interval()


def fid_inf(sets: FeatureSets) -> Scored:
    """Extrapolate the Frechet distance."""
    return extrapolated_frechet(*sets.pair(), whole=sets.fid).interval()


def precision(sets: FeatureSets) -> Scored:
    """Count generated images on the held-out manifold."""
    return mean_scored(sets.members.precise)


def recall(sets: FeatureSets) -> Scored:
    """Count held-out images on the generated manifold."""
    return mean_scored(sets.members.recalled)


def density(sets: FeatureSets) -> Scored:
    """Count the held-out balls around generated images."""
    return mean_scored(sets.members.dense)


def coverage(sets: FeatureSets) -> Scored:
    """Count the held-out balls that are hit."""
    return mean_scored(sets.members.covered)


def rfid(sets: FeatureSets) -> Scored:
    """Compare held-out images and their reconstructions."""
    estimate = frechet_estimate(*(fit_gaussian(x) for x in sets.pair(other="reconstructions")))
    # an image and its reconstruction are drawn together
    return Estimate(estimate.value, {"heldout": sum(estimate.influences.values())}).interval()  # type: ignore[dict-item]


def fid_train(sets: FeatureSets) -> Scored:
    """Compare with the training subset."""
    return sets.against("train").interval()


def fid_pool(sets: FeatureSets) -> Scored:
    """Compare with the training pool."""
    return sets.against("pool").interval()


def fid_heldout(sets: FeatureSets) -> Scored:
    """Compare with held-out images in equal numbers."""
    return sets.against("heldout").interval()


def fid_heldout_minus_train(sets: FeatureSets) -> Scored:
    """Subtract the distance to the training subset."""
    return _difference(sets, "train")


def fid_heldout_minus_pool(sets: FeatureSets) -> Scored:
    """Subtract the distance to the pool."""
    return _difference(sets, "pool")


def _difference(sets: FeatureSets, reference: str) -> Scored:
    return weighted_sum([(1, sets.against("heldout")), (-1, sets.against(reference))]).interval()


def fid_floor(sets: FeatureSets) -> Scored:
    """Compare real images with real ones."""
    return real_floor(sets, "fid")


def kid_floor(sets: FeatureSets) -> Scored:
    """Compare real images with real ones by a kernel."""
    return real_floor(sets, "kid")


def nearest_training_ratio(sets: FeatureSets) -> Scored:
    """Divide distances to the nearest training image."""
    return distance_ratio(sets.near)


def authenticity(sets: FeatureSets) -> Scored:
    """Count generated images that are not nearer to training images than these to each other."""
    return authentic_share(sets.features["train"], sets.near)


def copying_z(sets: FeatureSets) -> Scored:
    """Test whether generated images are nearer to training images than held-out ones."""
    features = (sets.features[name] for name in ("train", "heldout", "generated"))
    return Scored(copying_statistic(*features, seed=0))
