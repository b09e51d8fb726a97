"""Find strategies by name: files in this folder, installed packages, or a file named in the suite."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import strategies
from strategies.base import Strategy

ENTRY_POINTS = "bench.strategies"
_NOT_STRATEGIES = (
    "base",
    "battery",
    "checks",
    "draws",
    "operations",
    "registry",
    "space",
    "spaces",
    "tunable",
)


def name_of(strategy: type[Strategy]) -> str:
    """Return the name a suite uses: the class's `name`, or the class name in snake case."""
    own = vars(strategy).get("name")
    return own or re.sub(r"(?<!^)(?=[A-Z])", "_", strategy.__name__).lower()


def _defined_in(module: ModuleType) -> list[type[Strategy]]:
    classes = (c for _, c in inspect.getmembers(module, inspect.isclass))
    return [c for c in classes if issubclass(c, Strategy) and c.__module__ == module.__name__]


def known_strategies() -> dict[str, type[Strategy]]:
    """Return every strategy found in `strategies/` and under the entry-point group `bench.strategies`."""
    found: dict[str, type[Strategy]] = {}
    for info in pkgutil.iter_modules(strategies.__path__):
        if info.name in _NOT_STRATEGIES:
            continue
        for strategy in _defined_in(importlib.import_module(f"strategies.{info.name}")):
            found[name_of(strategy)] = strategy
    for point in entry_points(group=ENTRY_POINTS):
        if point.name not in found:
            found[point.name] = point.load()
    return found


def from_file(path: Path, class_name: str) -> type[Strategy]:
    """Load a strategy class from a Python file. Raises FileNotFoundError, AttributeError, TypeError."""
    strategy = load_class(path, class_name)
    if not (inspect.isclass(strategy) and issubclass(strategy, Strategy)):
        raise TypeError(f"{path}: '{class_name}' is not a subclass of strategies.Strategy")
    return strategy


def load_class(path: Path, class_name: str) -> Any:
    """Return what a Python file calls `class_name`. Raises FileNotFoundError, AttributeError."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    # one module per content: workers that are kept alive must not mix two versions of a file
    name = f"bench_plugin_{source_hash(path)}"
    module = sys.modules.get(name)
    if module is None:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    if not hasattr(module, class_name):
        raise AttributeError(f"{path} has no class '{class_name}'")
    return getattr(module, class_name)


def source_hash(path: Path) -> str:
    """Return the content hash of a plugin file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def origin_of(strategy: type[Strategy]) -> str:
    """Say where a registered strategy comes from: "built in", or the package and version that brought it."""
    if strategy.__module__.startswith("strategies."):
        return "built in"
    for point in entry_points(group=ENTRY_POINTS):
        module, _, name = point.value.partition(":")
        if point.dist is not None and module == strategy.__module__ and name == strategy.__qualname__:
            return f"{point.dist.name} {point.dist.version}"
    return strategy.__module__


def find_strategy(name: str) -> type[Strategy]:
    """Resolve a name or `path.py:Class`. Raises KeyError for an unknown name, and what `from_file` raises."""
    if name.rpartition(":")[0].endswith(".py"):
        path, _, class_name = name.rpartition(":")
        return from_file(Path(path), class_name)
    return known_strategies()[name]


def parameters_of(strategy: type[Strategy]) -> dict[str, inspect.Parameter]:
    """Return the constructor's parameters by name."""
    if strategy.__init__ is object.__init__:
        return {}
    return dict(inspect.signature(strategy).parameters)
