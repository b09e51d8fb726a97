"""Find strategies by name: files in strategies/, installed packages, or a file named in the suite."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from strategies.contract.base import Strategy
from strategies.contract.imports import package_hash
from strategies.contract.plugin import Plugin
from strategies.contract.shipped import is_shipped, meaning, place_of

ENTRY_POINTS = "bench.strategies"
_NOT_STRATEGIES = ("battery", "checks")


def name_of(strategy: type[Strategy]) -> str:
    """Return the name a suite uses: the class's `name`, or the class name in snake case."""
    own = vars(strategy).get("name")
    return own or re.sub(r"(?<!^)(?=[A-Z])", "_", strategy.__name__).lower()


@dataclass(frozen=True)
class Registered:
    """Hold what a name stands for, from `strategies/` or a package, or why that cannot be loaded."""

    strategy: type[Strategy] | None
    package: str = ""  # distribution and version; "": of `strategies/`
    problem: str = ""


def builtin_strategies() -> dict[str, type[Strategy]]:
    """Return what the files of `strategies/` define that can be loaded."""
    return {n: r.strategy for n, r in registered().items() if r.strategy is not None and not r.package}


def known_strategies() -> dict[str, type[Strategy]]:
    """Return every strategy found in `strategies/` and under the entry-point group `bench.strategies`."""
    return {name: entry.strategy for name, entry in registered().items() if entry.strategy is not None}


@functools.cache
def registered() -> dict[str, Registered]:
    """Return what every name stands for; looked up once a process, `registered.cache_clear()` forgets it."""
    found: dict[str, Registered] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parents[1])]):
        if not info.ispkg and info.name not in _NOT_STRATEGIES:
            for name, entry in _of_file(f"strategies.{info.name}", info.name):
                found.setdefault(name, entry)
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, _of_package(point))
    return found


def _of_file(module_name: str, stem: str) -> Iterator[tuple[str, Registered]]:
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a file that somebody is writing must not take the others with it
        yield stem, Registered(None, problem=f"{type(error).__name__}: {error}")
        return
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Strategy) and found.__module__ == module_name:
            yield name_of(found), Registered(found)


def _of_package(point: EntryPoint) -> Registered:
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
    try:
        strategy = point.load()
        if not (inspect.isclass(strategy) and issubclass(strategy, Strategy)):
            raise TypeError(f"{point.value} is not a subclass of strategies.Strategy")
    except Exception as error:  # nor must a package
        return Registered(None, package, f"{package}: {type(error).__name__}: {error}")
    return Registered(strategy, package)


@dataclass(frozen=True)
class Code:
    """Say which code a strategy's name stands for: what of it is in `key` is part of a trial's identity."""

    name: str  # a registered one, or a plugin's class
    source_hash: str | None = None  # None: a built-in strategy as it was shipped
    package: str = ""  # distribution and version, of an installed one
    bases: tuple[str, ...] = ()  # what else it is built on, with a hash; not built-in classes as shipped
    version: int = 1  # of a built-in one as shipped
    plugin: Plugin | None = None

    @property
    def is_none(self) -> bool:
        """Say whether it is the built-in strategy that augments nothing."""
        return self.name == "none" and self.source_hash is None

    @property
    def key(self) -> dict[str, Any]:
        """Return what tells this code from other code, as JSON values."""
        version = self.version if self.version > 1 else None
        more = {"package": self.package, "bases": list(self.bases), "version": version}
        return {"name": self.name, "source_hash": self.source_hash} | {k: v for k, v in more.items() if v}

    def load(self) -> type[Strategy]:
        """Return the class. Raises RuntimeError where this machine has other code under that name."""
        here = code_of(self.name) if self.plugin is None else _code_of_plugin(self.plugin)
        if here.key != self.key:
            raise RuntimeError(
                f"strategy '{self.name}' is not the one that this run was planned with: "
                f"{self.key} there, {here.key} here; install the same on every node"
            )
        return known_strategies()[self.name] if self.plugin is None else strategy_of(self.plugin)


def code_of(name: str, base: Path = Path()) -> Code:
    """Find the code of a name or of `path.py:Class`, which is relative to a folder.

    Raises KeyError for an unknown name, ImportError where a file or package that has it cannot be loaded, and
    what `Plugin.parse` and `strategy_of` raise.
    """
    plugin = Plugin.parse(name, base)
    return _code_of_registered(name) if plugin is None else _code_of_plugin(plugin)


def _code_of_plugin(plugin: Plugin) -> Code:
    return Code(plugin.class_name, plugin.source_hash, bases=_bases(strategy_of(plugin)), plugin=plugin)


@functools.cache
def _code_of_registered(name: str) -> Code:
    entry = registered()[name]
    if entry.strategy is None:
        raise ImportError(entry.problem)
    if not entry.package:
        if is_shipped(entry.strategy):
            return Code(name, version=_version(entry.strategy))
        return Code(name, meaning(entry.strategy))
    return Code(name, package_hash(entry.strategy), entry.package, _bases(entry.strategy))


def _bases(strategy: type[Strategy]) -> tuple[str, ...]:
    """Name the strategies a class is built on whose code is in no other part of its key, with a hash."""
    own = strategy.__module__.partition(".")[0]
    others = [c for c in strategy.__mro__[1:] if issubclass(c, Strategy)]
    others = [c for c in others if c.__module__.partition(".")[0] != own]
    hashes = {
        c: meaning(c) if c.__module__.startswith("strategies.") else package_hash(c)
        for c in others
        if not is_shipped(c)
    }
    risen = [f"{place_of(c)} version {_version(c)}" for c in others if c not in hashes and _version(c) > 1]
    return (*(f"{place_of(c)} {found}" for c, found in hashes.items()), *risen)


def _version(strategy: type[Strategy]) -> int:
    """Return the version that a class declares itself; what it is built on counts for itself."""
    return int(vars(strategy).get("version", 1))


def strategy_of(plugin: Plugin) -> type[Strategy]:
    """Load a plugin that is a strategy. Raises AttributeError, TypeError and whatever the file raises."""
    strategy = plugin.load()
    if not (inspect.isclass(strategy) and issubclass(strategy, Strategy)):
        raise TypeError(f"{plugin.path}: '{plugin.class_name}' is not a subclass of strategies.Strategy")
    return strategy


def from_file(path: Path, class_name: str) -> type[Strategy]:
    """Load a strategy class from a Python file. Raises OSError, and what `strategy_of` raises."""
    return strategy_of(Plugin.read(path, class_name))


def origin_of(strategy: type[Strategy]) -> str:
    """Say where a strategy comes from: "built in", the package and version that brought it, or its module."""
    for name, entry in registered().items():
        if entry.strategy is strategy:
            if entry.package:
                return entry.package
            return (
                "built in" if code_of(name).source_hash is None else f"{strategy.__module__}, not as shipped"
            )
    return strategy.__module__


def find_strategy(name: str) -> type[Strategy]:
    """Resolve a name or `path.py:Class`. Raises what `code_of` raises."""
    return code_of(name).load()


def parameters_of(strategy: type[Strategy]) -> dict[str, inspect.Parameter]:
    """Return the constructor's parameters by name."""
    if strategy.__init__ is object.__init__:
        return {}
    return dict(inspect.signature(strategy).parameters)
