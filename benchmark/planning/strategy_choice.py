"""Which strategy a suite's entry means: found, its parameters complete, its schedule checked (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmark.errors import unknown_name
from benchmark.families.contract import stage_names
from strategies.checks import StrategyError, check_schedule
from strategies.contract.answers import plain, said
from strategies.contract.parameters import default_of, place_of_class
from strategies.contract.plugin import split_name
from strategies.contract.registry import Code, code_of, parameters_of, registered

if TYPE_CHECKING:
    from benchmark.planning.suite import StrategyEntry, Suite
    from benchmark.planning.yaml_file import Location
    from strategies import AugmentationSpace, Strategy

_NAMED = "parameters name a record: finite numbers, text, lists, mappings or null (say, for 'never')"


@dataclass(frozen=True)
class StrategyChoice:
    """Say which strategy a trial uses and how."""

    label: str
    code: Code
    parameters: dict[str, Any]  # complete, defaults included
    stages: tuple[str, ...]
    others: dict[str, Code] = field(default_factory=dict)  # of the strategies that parameters name

    @property
    def name(self) -> str:
        """Return a registered name, or a plugin's class."""
        return self.code.name

    @property
    def augmented_stages(self) -> tuple[str, ...]:
        """Return the stages that see views; none for the built-in strategy `none`, which draws nothing."""
        return () if self.code.is_none else self.stages

    @property
    def key(self) -> dict[str, Any]:
        """Return what of it decides a trial's outcome, as JSON values."""
        uses = {parameter: code.key for parameter, code in self.others.items() if not _is_builtin(code)}
        return self.code.key | {
            "parameters": self.parameters,
            "stages": list(self.augmented_stages),
            **({"uses": uses} if uses else {}),
        }

    def make(self) -> Strategy:
        """Build a fresh instance."""
        classes = {parameter: code.load() for parameter, code in self.others.items()}
        own = {parameter: found for parameter, found in classes.items() if self.others[parameter].plugin}
        return self.code.load()(**(self.parameters | own))


def _is_builtin(code: Code) -> bool:
    """Say whether a strategy is a built-in one that means what it always did."""
    return code.source_hash is None and code.version == 1


def choose_strategy(
    suite: Suite, index: int, entry: StrategyEntry, space: AugmentationSpace
) -> StrategyChoice:
    """Resolve an entry of a suite. Raises UserError for a name, a file or a parameter that will not do."""
    location: Location = ("strategies", index)
    code = found_code(suite, index, entry.name)
    strategy = code.load()
    parameters = _complete(suite, location, entry, strategy)
    others = _others(suite, index, strategy, parameters)
    parameters |= {parameter: other.name for parameter, other in others.items()}
    stages = tuple(dict.fromkeys(entry.stages or stage_names(suite.family)))
    choice = StrategyChoice(entry.shown, code, parameters, stages, others)
    try:
        check_schedule(choice.make(), space)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        expected = isinstance(error, ValueError | StrategyError | NotImplementedError)
        why = said(error).partition(": ")[2] if expected else said(error)
        raise suite.error(location, f"strategy '{entry.name}' refuses its parameters", why) from error
    return choice


def found_code(suite: Suite, index: int, name: str) -> Code:
    """Find the code of a strategy that an entry names; a file's path is relative to the suite's.

    Raises UserError.
    """
    if split_name(name) is None and name not in registered():
        raise suite.error(("strategies", index), *unknown_name("strategy", name, registered()))
    try:
        return code_of(name, suite.file.path.parent)
    except (Exception, SystemExit) as error:  # a plugin's file may raise anything at import
        raise suite.error(
            ("strategies", index), f"strategy '{name}' cannot be loaded", said(error)
        ) from error


def _others(
    suite: Suite, index: int, strategy: type[Strategy], parameters: Mapping[str, Any]
) -> dict[str, Code]:
    """Find the code of the strategies that parameters name."""
    named = {key: parameters.get(key) for key in strategy.strategy_parameters}
    return {key: found_code(suite, index, name) for key, name in named.items() if isinstance(name, str)}


def _complete(
    suite: Suite, location: Location, entry: StrategyEntry, strategy: type[Strategy]
) -> dict[str, Any]:
    """Return an entry's parameters with the defaults of those it leaves out, as JSON values."""
    known = parameters_of(strategy)
    for key in entry.parameters:
        if key not in known:
            reserved = [f for f in type(entry).model_fields if f != "name"]
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
