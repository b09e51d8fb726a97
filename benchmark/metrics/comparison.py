"""How each score is computed from the features of the sets it looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property

import numpy as np

from benchmark.metrics.distances import (
    Gaussian,
    fit_gaussian,
    frechet_between,
    frechet_estimate,
    kernel_distance,
    kernel_estimate,
)
from benchmark.metrics.extrapolation import extrapolated_frechet
from benchmark.metrics.features import Features, UncomputableScoreError, check_sets
from benchmark.metrics.intervals import Estimate, Scored, combined, mean_scored
from benchmark.metrics.manifold import LEAST, Members, manifold_members
from benchmark.metrics.memorisation import (
    Nearness,
    authenticity,
    copying_z,
    distance_ratio,
    measure_nearness,
)
from benchmark.pulse import pulse

KID_SUBSET = 1000
FLOOR_DRAWS, FLOOR_IMAGES = 20, 10_000  # draws at the most, and images in all of them


class Comparison:
    """Features by set, and everything the scores share: counts, Gaussians, neighbours."""

    def __init__(self, features: Mapping[str, Features], seed: int) -> None:
        self.features = features
        self.seed = seed
        self._gaussian = cache(self._fit)
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

    def recipes(self) -> dict[str, Callable[[], Scored]]:
        """Return what computes each score; each raises UncomputableScoreError where there is no value."""
        return {
            "fid": lambda: self._fid().interval(),
            "kid": lambda: kernel_estimate(*self._pair(), subset_size=KID_SUBSET, seed=self.seed).interval(),
            "fid_inf": lambda: extrapolated_frechet(*self._pair(), whole=self._fid).interval(),
            "precision": lambda: mean_scored(self._members.precise),
            "recall": lambda: mean_scored(self._members.recalled),
            "density": lambda: mean_scored(self._members.dense),
            "coverage": lambda: mean_scored(self._members.covered),
            "rfid": self._reconstruction,
            "fid_train": lambda: self._against("train").interval(),
            "fid_pool": lambda: self._against("pool").interval(),
            "fid_heldout": lambda: self._against("heldout").interval(),
            "fid_heldout_minus_train": lambda: self._difference("train"),
            "fid_heldout_minus_pool": lambda: self._difference("pool"),
            "fid_floor": lambda: self._floor("fid"),
            "kid_floor": lambda: self._floor("kid"),
            "nearest_training_ratio": lambda: distance_ratio(self._near),
            "authenticity": lambda: authenticity(self.features["train"], self._near),
            "copying_z": self._copying,
        }

    def _pair(self, *, other: str = "generated") -> tuple[Features, Features]:
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
        self._pair()
        check_sets({name: self.features[name], "generated": self.features["generated"]})
        return frechet_estimate(self._gaussian(name, count), self._gaussian("generated", count), name=name)

    def _fid(self) -> Estimate:
        return self._estimate("heldout", self.count("score_images"))

    def _against(self, reference: str) -> Estimate:
        return self._estimate(reference, self.count("reference_images"))

    def _difference(self, reference: str) -> Scored:
        return combined([(1, self._against("heldout")), (-1, self._against(reference))]).interval()

    def _reconstruction(self) -> Scored:
        pair = self._pair(other="reconstructions")
        estimate = frechet_estimate(*(fit_gaussian(x) for x in pair))
        # an image and its reconstruction are drawn together
        return Estimate(estimate.value, {"heldout": sum(estimate.influences.values())}).interval()  # type: ignore[dict-item]

    @cached_property
    def _members(self) -> Members:
        pair = self._pair()
        if len(pair[0]) < LEAST:  # of the smaller set; the other may have more
            raise UncomputableScoreError(
                f"{len(pair[0])} images of each side are compared, at least {LEAST} are needed"
            )
        return manifold_members(*pair)

    @cached_property
    def _near(self) -> Nearness:
        return measure_nearness(*(self.features[name] for name in ("train", "heldout", "generated")))

    def _copying(self) -> Scored:
        sets = (self.features[name] for name in ("train", "heldout", "generated"))
        return Scored(copying_z(*sets, seed=0))

    @staticmethod
    def _floor_count(score: int, heldout: int, pool: int) -> int:
        return score if pool >= score else min(score, (heldout + pool) // 2)

    def _floor(self, kind: str) -> Scored:
        """Return the mean distance of real images to real images, and the ends that hold 95 % of the draws.

        Without ends where the pool is so small that every draw is nearly all of it, or N too large for many.

        Where the pool is large enough: as many of its images as samples are scored, drawn again and again,
        against the same held-out images: what a perfect generator would get. Else: random disjoint halves of
        all real images there are, in smaller numbers (`floor_images`), so that the floor is too high.
        """
        count = self.count("floor_images")
        real = {name: self.features[name] for name in ("heldout", "pool") if len(self.features[name])}
        check_sets(real, at_least=1)
        if count < 2:
            raise UncomputableScoreError(f"real images for two sets of {count}, at least 2 are needed")
        random = np.random.default_rng(0)
        pool = len(real.get("pool", ()))
        varied = not self.count("score_images") <= pool < 2 * count  # else the draws are much the same images
        draws = max(1, min(FLOOR_DRAWS, FLOOR_IMAGES // count)) if varied else 1
        values = []
        for _ in range(draws):
            pulse()
            values.append(self._real_distance(kind, real, count, random))
        if draws == 1:
            return Scored(values[0])
        low, high = np.quantile(values, [0.025, 0.975])
        return Scored(float(np.mean(values)), float(low), float(high))

    def _real_distance(
        self, kind: str, real: Mapping[str, Features], count: int, random: np.random.Generator
    ) -> float:
        enough = len(real.get("pool", ())) >= self.count("score_images")
        source = real["pool"] if enough else np.concatenate(list(real.values()))
        order = random.permutation(len(source))
        first, others = source[order[:count]], source[order[count : 2 * count]]
        if kind == "kid":
            other = real["heldout"][:count] if enough else others
            return kernel_distance(other, first, subsets=10, subset_size=KID_SUBSET, seed=self.seed)
        fitted = self._gaussian("heldout", count) if enough else fit_gaussian(others)
        return frechet_between(fitted, fit_gaussian(first))
