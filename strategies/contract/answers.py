"""What a strategy answers, as plain finite numbers: the one place that turns or refuses them (no torch).

NumPy's scalars and tensors without a dimension become Python's own numbers; whatever else is no number, is
not finite or does not lie where it must is refused in one sentence: the rule, where, and what was got.
"""

from __future__ import annotations

import decimal
import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strategies.augmentation.space import AugmentationSpace
    from strategies.contract.base import Strategy


class StrategyError(AssertionError):
    """A strategy broke a rule of the contract; the message names both."""


def broken(strategy: type[Strategy], rule: str) -> StrategyError:
    """Return the error of a broken rule."""
    return StrategyError(f"strategy {strategy.__name__} breaks the rule: {rule}")


def shown(value: object, most: int = 120) -> str:
    """Return a value as people may read it, whatever its `__repr__` does."""
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # the user's own class may raise anything
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def said(error: BaseException) -> str:
    """Return an exception's type and message on one short line, whatever its `__str__` does."""
    try:
        text = " ".join(str(error).split()).encode("utf-8", "backslashreplace").decode()
        text = text if len(text) <= 1000 else f"{text[:997]}..."
    except Exception as other:  # the user's own class may raise anything
        text = f"a message that cannot be read: its __str__ raises {type(other).__name__}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def number(value: object, what: str) -> float:
    """Return a finite number as a float. Raises ValueError naming `what` for anything else."""
    value = _unwrapped(value)
    if not isinstance(value, numbers.Real | decimal.Decimal):
        raise ValueError(f"{what} must be a finite number, got {shown(value)} ({type(value).__name__})")
    try:
        found = float(value)
    except (OverflowError, ValueError):
        found = math.inf
    if not math.isfinite(found):
        raise ValueError(f"{what} must be a finite number, got {shown(value)}")
    return found


def share(value: object, what: str) -> float:
    """Return a number in [0, 1] as a float. Raises ValueError naming `what`."""
    found = number(value, what)
    if not 0 <= found <= 1:
        raise ValueError(f"{what} must lie in [0, 1], got {found:g}")
    return found


def plain(value: object, what: str) -> Any:
    """Return JSON values with finite numbers only, tuples as lists. Raises ValueError naming the part."""
    value = _unwrapped(value)
    if value is None or isinstance(value, str | bool):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return number(value, what)
    if isinstance(value, list | tuple):
        return [plain(part, f"{what}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{what} has the key {shown(key)}: JSON has text for keys")
        return {str(key): plain(part, f"{what}[{key!r}]") for key, part in value.items()}
    kind = type(value).__name__
    raise ValueError(f"{what} is {shown(value)} ({kind}), which is no number, text, list or mapping")


def _unwrapped(value: Any) -> Any:
    """Return what a NumPy scalar, or an array or tensor without a dimension, holds."""
    if isinstance(value, int | float | str) and type(value).__module__ == "builtins":
        return value
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        try:
            return value.item()
        except Exception:  # of a tensor without data: it stays what it is, and is refused as that
            return value
    return value


def strengths_of(strategy: Strategy, progress: float, space: AugmentationSpace) -> dict[str, float]:
    """Return the strength of each operation of the space, 0 for one left out. Raises StrategyError."""
    given = strategy.operation_strengths(progress, space)
    if not isinstance(given, Mapping):
        raise broken(type(strategy), f"operation_strengths returns a mapping, not {shown(given)}")
    unknown = [shown(name) for name in given if name not in space.ranges]
    if unknown:
        known = ", ".join(space.ranges)
        raise broken(
            type(strategy), f"operation_strengths names operations of the space ({known}), not {unknown[0]}"
        )
    try:
        return {name: share(given.get(name, 0.0), f"strength of {name}") for name in space.ranges}
    except ValueError as error:
        raise broken(type(strategy), f"strength lies in [0, 1]; at progress {progress:g}: {error}") from error


def probability_of(strategy: Strategy, progress: float) -> float:
    """Return the chance that each operation is applied. Raises StrategyError."""
    try:
        return share(strategy.probability(progress), "probability")
    except ValueError as error:
        rule = f"probability lies in [0, 1]; at progress {progress:g}: {error}"
        raise broken(type(strategy), rule) from error


def validation_share_of(strategy: Strategy) -> float:
    """Return the share of the budget a strategy sets aside. Raises StrategyError."""
    try:
        found = share(strategy.validation_share, "validation_share")
    except ValueError as error:
        raise broken(type(strategy), f"validation_share lies in [0, 1); {error}") from error
    if found == 1:
        raise broken(type(strategy), "validation_share lies in [0, 1), not at 1")
    return found


def condition_size_of(strategy: Strategy, space: AugmentationSpace) -> int:
    """Return how many numbers per image a strategy tells the model. Raises StrategyError."""
    try:
        found = number(strategy.condition_size(space), "condition_size")
    except ValueError as error:
        raise broken(type(strategy), f"condition_size is a whole number of 0 or more; {error}") from error
    if found < 0 or found != int(found):
        raise broken(type(strategy), f"condition_size is a whole number of 0 or more, not {found:g}")
    return int(found)


def state_of(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy's state as JSON with finite numbers. Raises StrategyError."""
    try:
        state = plain(strategy.state_dict(), "state_dict()")
    except ValueError as error:
        raise broken(type(strategy), f"state_dict is plain JSON with finite numbers; {error}") from error
    if not isinstance(state, dict):
        raise broken(type(strategy), f"state_dict returns a mapping, not {shown(state)}")
    return state
