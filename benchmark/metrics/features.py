"""Check feature sets before they are compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError

Features = NDArray[np.floating]  # (N, D)


class UncomputableScoreError(BenchError, ValueError):
    """A score has no value for these features; a record then holds null and the reason."""


def check_features(*, at_least: int = 2, **sets: Features) -> None:
    """Raise UncomputableScoreError unless all named sets are finite, (N >= at_least, D) with one D."""
    check_sets(sets, at_least=at_least)


def check_sets(sets: Mapping[str, Features], *, at_least: int = 2) -> None:
    """Do the same for sets by name."""
    dimensions = {}
    for name, features in sets.items():
        if features.ndim != 2:
            raise UncomputableScoreError(f"{name} features have shape {features.shape}, not (N, D)")
        if len(features) < at_least:
            raise UncomputableScoreError(f"{name} has {len(features)} images, at least {at_least} are needed")
        broken = int(np.count_nonzero(~np.isfinite(features).all(axis=1)))
        if broken:
            raise UncomputableScoreError(f"{name} features are not finite in {broken} of {len(features)}")
        dimensions[name] = features.shape[1]
    if len(set(dimensions.values())) > 1:
        raise UncomputableScoreError(f"feature dimensions differ: {dimensions}")
