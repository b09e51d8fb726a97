"""Phased data augmentation: ranges that narrow from phase to phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from strategies.augmentation.space import AugmentationSpace
from strategies.contract.base import Strategy
from strategies.contract.tunable import Tunable, Uniform, Value


class Phased(Strategy):
    """Narrow the ranges phase by phase, down to clean images in the last phase.

    Source: Mimura (2023), *Phased Data Augmentation for Training a Likelihood-Based Generative Model with
    Limited Data*, arXiv 2305.12681. That the ranges narrow in phases is the paper's; the number of phases,
    their boundaries and strengths are not in its public text and are ours.

    strengths: one per phase. boundaries: shares of the stage at which the next phase starts, one fewer than
    phases, rising; default: phases of equal length. ranges: operation -> one range per phase, in the unit of
    the augmentation space, in place of `strengths` for that operation.
    """

    name = "phased"
    tunable: ClassVar[Tunable] = {
        "first": Uniform(0.1, 1.0, start=1.0),
        "clean": Uniform(0.05, 0.75, start=0.25),
    }

    def __init__(
        self,
        strengths: Sequence[float] = (1.0, 2 / 3, 1 / 3, 0.0),
        boundaries: Sequence[float] | None = None,
        ranges: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        phases = len(strengths)
        if not phases or not all(0 <= s <= 1 for s in strengths):
            raise ValueError(f"strengths must be one or more numbers in [0, 1], got {list(strengths)}")
        if boundaries is None:
            boundaries = [i / phases for i in range(1, phases)]
        edges = [0.0, *boundaries, 1.0]
        if len(boundaries) != phases - 1 or any(a >= b for a, b in pairwise(edges)):
            raise ValueError(
                f"boundaries must be {phases - 1} rising numbers inside (0, 1), got {list(boundaries)}"
            )
        for name, values in (ranges or {}).items():
            if len(values) != phases:
                raise ValueError(
                    f"ranges of {name} must be {phases} numbers, one per phase, got {list(values)}"
                )
        self._strengths, self._boundaries = tuple(strengths), tuple(boundaries)
        self._ranges = dict(ranges or {})

    @classmethod
    def from_tuned(cls, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return three phases that narrow evenly from strength `first`, and a last, clean share `clean`."""
        first, augmented = float(values["first"]), 1 - float(values["clean"])
        strengths = [round(first * share, 3) for share in (1, 2 / 3, 1 / 3, 0)]
        return {"strengths": strengths, "boundaries": [round(augmented * i / 3, 3) for i in (1, 2, 3)]}

    def phase(self, progress: float) -> int:
        """Return the index of the phase that `progress` lies in; a boundary opens the next phase."""
        return sum(progress >= boundary for boundary in self._boundaries)

    def strength(self, progress: float) -> float:
        return self._strengths[self.phase(progress)]

    def operation_strengths(self, progress: float, space: AugmentationSpace) -> dict[str, float]:
        strengths = super().operation_strengths(progress, space)
        for name, values in self._ranges.items():
            if name not in space.ranges:
                raise ValueError(
                    f"ranges names '{name}', which is not in the space: {', '.join(space.ranges)}"
                )
            value, full = values[self.phase(progress)], space.ranges[name]
            if not 0 <= value <= full:
                raise ValueError(
                    f"ranges of {name} must lie in [0, {full:g}], the space's range, got {value}"
                )
            strengths[name] = value / full if full else 0.0
        return strengths
