"""declared."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from strategies.contract.answers import plain

if TYPE_CHECKING:
    from strategies.contract.base import Strategy
from strategies.contract.tunable import Tunable, Value


def tunable_of(strategy: type[Strategy]) -> Tunable:
    """Return what a class declares; a declaration ends where a subclass has a constructor of its own."""
    for part in strategy.__mro__:
        if "tunable" in vars(part):
            found: Tunable = vars(part)["tunable"]
            return found
        if "__init__" in vars(part):
            break
    return {}


def start_values(strategy: type[Strategy]) -> dict[str, Value]:
    """Return what tuning begins at. Raises ValueError where neither declaration nor constructor says it."""
    parameters = inspect.signature(strategy).parameters
    starts: dict[str, Value] = {}
    for name, domain in tunable_of(strategy).items():
        if domain.start is not None:
            starts[name] = domain.start
        elif name in parameters and parameters[name].default is not inspect.Parameter.empty:
            starts[name] = plain(parameters[name].default, f"the default of {name}")
        else:
            raise ValueError(f"{name} has no `start`, and no constructor parameter of that name a default")
    return starts
