"""Which strategy a suite's entry means: found, its parameters complete, its schedule checked (no torch)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import unknown_name
from benchmark.suite import StrategyEntry, Suite
from benchmark.yaml_file import Location
from strategies import AugmentationSpace, Strategy
from strategies.answers import plain, said
from strategies.checks import StrategyError, check_schedule
from strategies.parameters import default_of, place_of_class
from strategies.registry import find_strategy, known_strategies, parameters_of, source_hash

_NAMED = "parameters name a record: finite numbers, text, lists, mappings or null (say, for 'never')"


@dataclass(frozen=True)
class StrategyChoice:
    """Say which strategy a trial uses and how."""

    label: str
    name: str  # a registered name, or /absolute/path.py:Class
    parameters: dict[str, Any]  # complete, defaults included
    stages: tuple[str, ...]
    source_hash: str | None  # of a plugin's file: another file, another trial

    def make(self) -> Strategy:
        """Build a fresh instance."""
        return find_strategy(self.name)(**self.parameters)


def choose_strategy(
    suite: Suite, index: int, entry: StrategyEntry, space: AugmentationSpace
) -> StrategyChoice:
    """Resolve an entry of a suite. Raises UserError for a name, a file or a parameter that will not do."""
    location: Location = ("strategies", index)
    name = found_name(suite, entry)
    is_own = name.rpartition(":")[0].endswith(".py")
    if not is_own and name not in known_strategies():
        raise suite.error(location, *unknown_name("strategy", name, known_strategies()))
    try:
        strategy = find_strategy(name)
    except (Exception, SystemExit) as error:  # a plugin's file may raise anything at import
        raise suite.error(
            location,
            f"strategy '{entry.name}' cannot be loaded",
            f"{type(error).__name__}: {error}",
        ) from error
    parameters = _complete(suite, location, entry, strategy)
    digest = source_hash(Path(name.rpartition(":")[0])) if is_own else None
    choice = StrategyChoice(entry.shown, name, parameters, tuple(dict.fromkeys(entry.stages)), digest)
    try:
        check_schedule(choice.make(), space)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        expected = isinstance(error, ValueError | StrategyError | NotImplementedError)
        why = said(error).partition(": ")[2] if expected else said(error)
        raise suite.error(location, f"strategy '{entry.name}' refuses its parameters", why) from error
    return choice


def found_name(suite: Suite, entry: StrategyEntry) -> str:
    """Return the name a strategy is found by: a file's path is relative to the suite's."""
    file, _, class_name = entry.name.rpartition(":")
    if not file.endswith(".py"):
        return entry.name
    return f"{(suite.file.path.parent / file).resolve()}:{class_name}"


def _complete(
    suite: Suite, location: Location, entry: StrategyEntry, strategy: type[Strategy]
) -> dict[str, Any]:
    """Return an entry's parameters with the defaults of those it leaves out, as JSON values."""
    known = parameters_of(strategy)
    for key in entry.parameters:
        if key not in known:
            reserved = [f for f in StrategyEntry.model_fields if f != "name"]
            kind = f"parameter of strategy '{entry.name}'"
            raise suite.error((*location, key), *unknown_name(kind, key, [*known, *reserved]))
    found: dict[str, Any] = {}
    for key, parameter in known.items():
        if key not in entry.parameters and parameter.default is not parameter.empty:
            try:
                found[key] = default_of(strategy, parameter)
            except ValueError as error:
                message = f"strategy '{entry.name}': {error}"
                hint = f"{_NAMED}; give '{key}' one here, or in {place_of_class(strategy)}"
                raise suite.error(location, message, hint) from error
    for key, value in entry.parameters.items():
        try:
            found[key] = plain(value, f"parameter '{key}' of strategy '{entry.name}'")
        except ValueError as error:
            raise suite.error((*location, key), str(error), _NAMED) from error
    return found
