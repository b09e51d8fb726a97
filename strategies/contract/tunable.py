"""What of a strategy may be tuned: ranges and lists that a class declares (plain Python)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.contract.answers import number, plain

if TYPE_CHECKING:
    pass

Value = float | int | str | bool


@dataclass(frozen=True)
class Uniform:
    """A number between two ends, both among the possible; `log`: even in its logarithm.

    start: what tuning begins at; None: the default of the constructor's parameter of this name.
    """

    low: float
    high: float
    start: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        for end in ("low", "high"):
            object.__setattr__(self, end, number(getattr(self, end), end))
        if self.start is not None:
            object.__setattr__(self, "start", plain(self.start, "start"))
        if not self.low < self.high:
            raise ValueError(f"low must lie below high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be positive where log is set, got {self.low}")

    @property
    def ends(self) -> tuple[Value, ...]:
        """Return the values a constructor is tried with."""
        return (self.low, self.high)

    def holds(self, value: object) -> bool:
        """Say whether a value is one of the possible."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + (", even in its logarithm" if self.log else "")


@dataclass(frozen=True)
class Choice:
    """One of a few values; `start` as for Uniform."""

    values: tuple[Value, ...]
    start: Value | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(plain(list(self.values), "values")))
        if any(isinstance(value, list | dict) for value in self.values):
            raise ValueError(f"a choice is of numbers, texts and switches, got {self.values}")
        if len(set(self.values)) < 2:
            raise ValueError(f"a choice needs two values or more, got {self.values}")

    @property
    def ends(self) -> tuple[Value, ...]:
        """Return the values a constructor is tried with."""
        return self.values

    def holds(self, value: object) -> bool:
        """Say whether a value is one of the possible."""
        return value in self.values

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


Tunable = Mapping[str, Uniform | Choice]
