"""The same augmentation from the first step to the last: common practice."""

from __future__ import annotations

from typing import ClassVar

from strategies.contract.base import Strategy
from strategies.contract.tunable import Tunable, Uniform


class Constant(Strategy):
    """Keep one strength and one probability throughout training."""

    name = "constant"
    tunable: ClassVar[Tunable] = {"strength": Uniform(0.1, 1.0), "probability": Uniform(0.1, 1.0)}

    def __init__(self, strength: float = 1.0, probability: float = 1.0) -> None:
        for key, value in (("strength", strength), ("probability", probability)):
            if not 0 <= value <= 1:
                raise ValueError(f"{key} must lie in [0, 1], got {value}")
        self._strength, self._probability = strength, probability

    def strength(self, progress: float) -> float:
        return self._strength

    def probability(self, progress: float) -> float:
        return self._probability
