"""Constant augmentation, as strong as another strategy is on average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.augmentation.space import AugmentationSpace
from strategies.contract.base import Strategy

_POINTS = 10_000  # of the schedule that is averaged


class Matched(Strategy):
    """Keep every operation at the mean strength another strategy has over training.

    Separates the order of strengths from "less augmentation on average" (ours). to: the other strategy's
    name; parameters: its parameters. mean: a strength in place of all that, for a strategy whose mean is
    only known after training, such as `adaptive` (its records hold `mean_strength`).
    """

    name = "matched"
    strategy_parameters = ("to",)

    def __init__(
        self,
        to: str | type[Strategy] = "phased",
        parameters: Mapping[str, Any] | None = None,
        mean: float | None = None,
    ) -> None:
        from strategies.contract.registry import find_strategy, name_of

        if mean is not None and not 0 <= mean <= 1:
            raise ValueError(f"mean must lie in [0, 1], got {mean}")
        try:
            other = find_strategy(to) if isinstance(to, str) else to
        except KeyError:
            raise ValueError(f"to: strategy '{to}' is unknown") from None
        self._other = other(**(parameters or {}))
        if isinstance(self._other, Matched):
            raise ValueError("to: matched cannot be matched to itself")
        if mean is None and self._other.state_dict():
            raise ValueError(
                f"the strength of '{name_of(other)}' is not known before training; "
                "give `mean`, from its records"
            )
        self._mean = mean
        self._found: dict[str, float] = {}

    def strength(self, progress: float) -> float:
        if self._mean is not None:
            return self._mean
        if "" not in self._found:
            self._found[""] = sum(self._other.strength((i + 0.5) / _POINTS) for i in range(_POINTS)) / _POINTS
        return self._found[""]

    def probability(self, progress: float) -> float:
        if self._mean is not None:
            return 1.0
        if "p" not in self._found:
            total = sum(self._other.probability((i + 0.5) / _POINTS) for i in range(_POINTS))
            self._found["p"] = total / _POINTS
        return self._found["p"]

    def operation_strengths(self, progress: float, space: AugmentationSpace) -> dict[str, float]:
        if self._mean is not None:
            return super().operation_strengths(progress, space)
        if not space.ranges.keys() <= self._found.keys():
            points = [self._other.operation_strengths((i + 0.5) / _POINTS, space) for i in range(_POINTS)]
            self._found |= {name: sum(p[name] for p in points) / _POINTS for name in space.ranges}
        return {name: self._found[name] for name in space.ranges}
