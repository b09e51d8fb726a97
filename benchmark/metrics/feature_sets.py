"""The features of the sets that are compared, and what the scores share: counts, Gaussians, neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property

from benchmark.metrics.distances import KID_SUBSET, Gaussian, fit_gaussian, frechet_estimate
from benchmark.metrics.features import Features, UncomputableScoreError, check_sets
from benchmark.metrics.intervals import Estimate
from benchmark.metrics.manifold import LEAST, Members, manifold_members
from benchmark.metrics.memorisation import Nearness, measure_nearness


class FeatureSets:
    """Hold features (N, D) of heldout, generated, train, pool, reconstructions; shared work is done once.

    What cannot be computed raises UncomputableScoreError with the reason.
    """

    def __init__(self, features: Mapping[str, Features], seed: int) -> None:
        self.features = features
        self.seed = seed
        self.gaussian = cache(self._fit)  # of the first `count` of a set
        self._estimate = cache(self._frechet)

    def count(self, key: str) -> int:
        """Return how many images of each side a group of scores compares."""
        sizes = {name: len(features) for name, features in self.features.items()}
        score = min(sizes.get("heldout", 0), sizes.get("generated", 0))
        return {
            "score_images": score,
            "rfid_images": min(sizes.get("heldout", 0), sizes.get("reconstructions", 0)),
            "reference_images": min(size for name, size in sizes.items() if name != "reconstructions"),
            "floor_images": self._floor_count(score, sizes.get("heldout", 0), sizes.get("pool", 0)),
            "kid_subset": min(score, KID_SUBSET),
        }[key]

    def pair(self, *, other: str = "generated") -> tuple[Features, Features]:
        """Return held-out features and another set's in equal numbers, the first ones of each."""
        count = min(len(self.features["heldout"]), len(self.features[other]))
        pair = self.features["heldout"][:count], self.features[other][:count]
        check_sets({"heldout": pair[0], other: pair[1]})
        if (pair[0] == pair[0][0]).all():
            raise UncomputableScoreError(f"the {count} held-out images all look the same to the extractor")
        return pair

    def _fit(self, name: str, count: int) -> Gaussian:
        features = self.features[name][:count]
        check_sets({name: features})
        return fit_gaussian(features)

    def _frechet(self, name: str, count: int) -> Estimate:
        self.pair()
        check_sets({name: self.features[name], "generated": self.features["generated"]})
        return frechet_estimate(self.gaussian(name, count), self.gaussian("generated", count), name=name)

    def fid(self) -> Estimate:
        """Estimate the Frechet distance between all held-out and generated images that are compared."""
        return self._estimate("heldout", self.count("score_images"))

    def against(self, reference: str) -> Estimate:
        """Estimate the Frechet distance to a reference, in numbers equal for all references."""
        return self._estimate(reference, self.count("reference_images"))

    @cached_property
    def members(self) -> Members:
        """Return which images lie on whose manifold."""
        pair = self.pair()
        if len(pair[0]) < LEAST:  # of the smaller set; the other may have more
            raise UncomputableScoreError(
                f"{len(pair[0])} images of each side are compared, at least {LEAST} are needed"
            )
        return manifold_members(*pair)

    @cached_property
    def near(self) -> Nearness:
        """Return how near held-out and generated images are to training images."""
        return measure_nearness(*(self.features[name] for name in ("train", "heldout", "generated")))

    @staticmethod
    def _floor_count(score: int, heldout: int, pool: int) -> int:
        return score if pool >= score else min(score, (heldout + pool) // 2)
