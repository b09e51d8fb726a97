"""What a number of a configuration may be."""

from __future__ import annotations

import math
from numbers import Integral, Real


def check_whole(config: object, low: int, high: int, *names: str) -> None:
    """Refuse what is no whole number from low to high; the highest keep a slip from filling the memory."""
    for name in names:
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
        number = int(value)
        if low <= number <= high:
            continue
        said = f"at most {high}" if number > high else "positive" if low == 1 else f"at least {low}"
        raise ValueError(f"{name} must be {said}, got {number}")


def check_number(config: object, name: str, low: float, high: float, *, ends: str = "[]") -> None:
    """Refuse what is no finite number between two ends; a round bracket leaves its end out."""
    value = getattr(config, name)
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    number = float(value)
    above = number > low if ends[0] == "(" else number >= low
    below = number < high if ends[1] == ")" else number <= high
    if above and below:
        return
    if high < math.inf:
        raise ValueError(f"{name} must lie in {ends[0]}{low:g}, {high:g}{ends[1]}, got {value}")
    raise ValueError(f"{name} must be {'positive' if ends[0] == '(' else f'at least {low:g}'}, got {value}")
