"""The wrong way round, as a control: does it matter that ranges narrow, or only that they change?"""

from __future__ import annotations

from typing import ClassVar

from strategies.annealed import check_shape, fallen
from strategies.contract.base import Strategy
from strategies.contract.tunable import Tunable, Uniform


class Increasing(Strategy):
    """Let the strength rise from 0 along a line or half a cosine.

    start: share of the stage that stays clean. end: the strength at the end. `annealed` mirrored: with the
    defaults of both, the same strengths in reverse order.
    """

    name = "increasing"
    tunable: ClassVar[Tunable] = {"start": Uniform(0.0, 0.75), "end": Uniform(0.1, 1.0)}

    def __init__(self, shape: str = "linear", start: float = 0.25, end: float = 1.0) -> None:
        check_shape(shape)
        if not 0 <= start < 1:
            raise ValueError(f"start must lie in [0, 1), got {start}")
        if not 0 <= end <= 1:
            raise ValueError(f"end must lie in [0, 1], got {end}")
        self._shape, self._start, self._end = shape, start, end

    def strength(self, progress: float) -> float:
        return self._end * fallen(self._shape, (1 - progress) / (1 - self._start))
