"""A smooth narrowing: the strength falls without steps."""

from __future__ import annotations

import math
from typing import ClassVar

from strategies.contract.base import Strategy
from strategies.contract.tunable import Tunable, Uniform

SHAPES = ("linear", "cosine")


def fallen(shape: str, share: float) -> float:
    """Return how much of 1 is left after a share in [0, 1] of the way down to 0."""
    share = min(1.0, max(0.0, share))
    return 1 - share if shape == "linear" else 0.5 * (1 + math.cos(math.pi * share))


def check_shape(shape: str) -> None:
    """Raise ValueError for an unknown shape."""
    if shape not in SHAPES:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {shape!r}")


class Annealed(Strategy):
    """Let the strength fall along a line or half a cosine, and stay clean from then on.

    start: the strength at the beginning. until: share of the stage at which it reaches 0; the default
    leaves the clean quarter that `phased` leaves. Phased augmentation without its steps; ours.
    """

    name = "annealed"
    tunable: ClassVar[Tunable] = {"start": Uniform(0.1, 1.0), "until": Uniform(0.25, 1.0)}

    def __init__(self, shape: str = "linear", start: float = 1.0, until: float = 0.75) -> None:
        check_shape(shape)
        if not 0 <= start <= 1:
            raise ValueError(f"start must lie in [0, 1], got {start}")
        if not 0 < until <= 1:
            raise ValueError(f"until must lie in (0, 1], got {until}")
        self._shape, self._start, self._until = shape, start, until

    def strength(self, progress: float) -> float:
        return self._start * fallen(self._shape, progress / self._until)
