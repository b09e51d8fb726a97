"""What a constructor's parameters are by default, as the JSON values that a record holds (no torch)."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from strategies.contract.answers import plain, said, shown
from strategies.contract.base import Strategy


def default_of(strategy: type[Strategy], parameter: inspect.Parameter) -> Any:
    """Return a parameter's default as JSON values; a dataclass field's factory is asked for it.

    Raises ValueError where that is no plain finite value, or another one each time: it is part of a record's
    name.
    """
    what = f"the default of '{parameter.name}'"
    factory = _factory(strategy, parameter)
    if factory is None:
        return plain(parameter.default, what)
    try:
        value = plain(factory(), what)
        again = plain(factory(), what)
    except ValueError:
        raise
    except (Exception, SystemExit) as error:  # the user's own function may raise anything
        raise ValueError(f"{what} cannot be made: its factory raises {said(error)}") from error
    if value != again:
        raise ValueError(f"{what} is another one each time it is made: {shown(value)}, then {shown(again)}")
    return value


def _factory(strategy: type[Strategy], parameter: inspect.Parameter) -> Any:
    """Return what makes a dataclass field's default; None for any other parameter."""
    if not dataclasses.is_dataclass(strategy) or repr(parameter.default) != "<factory>":
        return None
    made = {f.name: f.default_factory for f in dataclasses.fields(strategy)}
    factory = made.get(parameter.name, dataclasses.MISSING)
    return None if factory is dataclasses.MISSING else factory


def written(strategy: type[Strategy], parameter: inspect.Parameter) -> str:
    """Return a parameter as a listing shows it: its name, and its default where it has one."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return str(parameter).partition(":")[0]
    if parameter.default is parameter.empty:
        return parameter.name
    try:
        return f"{parameter.name}={shown(default_of(strategy, parameter))}"
    except ValueError:
        return f"{parameter.name}={shown(parameter.default)}"


def place_of_class(strategy: type[Strategy]) -> str:
    """Return the file and line a class stands at; its module where there is none."""
    try:
        return f"{inspect.getsourcefile(strategy)}:{inspect.getsourcelines(strategy)[1]}"
    except (OSError, TypeError):
        return strategy.__module__
