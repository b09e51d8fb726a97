"""Which strategy a suite's entry means: found, its parameters complete, its schedule checked (no torch)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Any

from benchmark.errors import unknown_name
from benchmark.suite import StrategyEntry, Suite
from benchmark.yaml_file import Location
from strategies import AugmentationSpace, Strategy
from strategies.checks import StrategyError, check_schedule
from strategies.registry import find_strategy, known_strategies, parameters_of, source_hash


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
    except Exception as error:  # a plugin's file may raise anything at import
        raise suite.error(
            location,
            f"strategy '{entry.name}' cannot be loaded",
            f"{type(error).__name__}: {error}",
        ) from error
    parameters = _complete(suite, location, entry, parameters_of(strategy))
    digest = source_hash(Path(name.rpartition(":")[0])) if is_own else None
    choice = StrategyChoice(entry.shown, name, parameters, tuple(dict.fromkeys(entry.stages)), digest)
    try:
        check_schedule(choice.make(), space)
    except (ValueError, TypeError, StrategyError, NotImplementedError) as error:
        raise suite.error(location, f"strategy '{entry.name}' refuses its parameters", str(error)) from error
    return choice


def found_name(suite: Suite, entry: StrategyEntry) -> str:
    """Return the name a strategy is found by: a file's path is relative to the suite's."""
    file, _, class_name = entry.name.rpartition(":")
    if not file.endswith(".py"):
        return entry.name
    return f"{(suite.file.path.parent / file).resolve()}:{class_name}"


def _complete(
    suite: Suite, location: Location, entry: StrategyEntry, known: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Return an entry's parameters with the defaults of those it leaves out, as JSON values."""
    for key in entry.parameters:
        if key not in known:
            reserved = [f for f in StrategyEntry.model_fields if f != "name"]
            kind = f"parameter of strategy '{entry.name}'"
            raise suite.error((*location, key), *unknown_name(kind, key, [*known, *reserved]))
    parameters = {k: p.default for k, p in known.items() if p.default is not p.empty} | entry.parameters
    return dict(json.loads(json.dumps(parameters)))
