"""Find a family by name: built in, of an installed package, or in a file named in the suite (no torch)."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from benchmark.families.contract import Family, broken_declaration
from strategies.contract.imports import package_hash
from strategies.contract.plugin import Plugin

ENTRY_POINTS = "bench.families"
DEFAULT = "pc-vq2"
BUILT_IN = {  # as a package's entry points are written
    DEFAULT: "benchmark.families.pc_vq2:PCVQ2Family",
    "marginals": "benchmark.families.marginals.family:Marginals",
}


@dataclass(frozen=True)
class Registered:
    """Hold what a name stands for, built in or from a package, or why that cannot be loaded."""

    family: Family | None
    package: str = ""  # distribution and version; "": built in
    problem: str = ""


@functools.cache
def registered() -> dict[str, Registered]:
    """Return what every name stands for; looked up once a process."""
    built_in = [EntryPoint(name, place, ENTRY_POINTS) for name, place in BUILT_IN.items()]
    found = {point.name: Registered(_made(point.load(), point.value)) for point in built_in}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, _of_package(point))
    return found


def _of_package(point: EntryPoint) -> Registered:
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
    try:
        return Registered(_made(point.load(), point.value), package)
    except Exception as error:  # one package must not take the others with it
        return Registered(None, package, f"{package}: {type(error).__name__}: {error}")


def _made(found: Any, place: str) -> Family:
    """Make an instance of what should be a family. Raises TypeError."""
    if not (inspect.isclass(found) and issubclass(found, Family)):
        raise TypeError(f"{place} is not a subclass of benchmark.families.contract.Family")
    family = found()
    rule = broken_declaration(family)
    if rule:
        raise TypeError(f"family {found.__name__} breaks the rule: {rule}")
    return family


@dataclass(frozen=True)
class FamilyCode:
    """Say which code a family's name stands for: its `key` is part of a trial's identity."""

    name: str = DEFAULT  # a registered one, or a plugin's class
    source_hash: str | None = None  # None: built in
    package: str = ""  # distribution and version, of an installed one
    plugin: Plugin | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the user's own code where this arrives: configurations of its classes come after it."""
        self.__dict__.update(state)
        if self.plugin is not None:
            self.load()

    @property
    def is_default(self) -> bool:
        """Say whether it is the family of a suite that names none."""
        return self == PC_VQ2

    @property
    def key(self) -> str | dict[str, str]:
        """Return what tells this code from other code, as JSON values."""
        if self.source_hash is None:
            return self.name
        package = {"package": self.package} if self.package else {}
        return {"name": self.name, "source_hash": self.source_hash} | package

    def load(self) -> Family:
        """Return the family. Raises RuntimeError where this machine has other code under that name."""
        if self.plugin is not None:
            return _of_plugin(self.plugin)
        if self.name not in BUILT_IN and (here := family_of(self.name)).key != self.key:
            raise RuntimeError(
                f"family '{self.name}' is not the one that this run was planned with: "
                f"{self.key} there, {here.key} here; install the same on every node"
            )
        family = registered()[self.name].family
        assert family is not None  # family_of would have raised
        return family


PC_VQ2 = FamilyCode()


@functools.cache
def _of_plugin(plugin: Plugin) -> Family:
    return _made(plugin.load(), str(plugin))


def family_of(name: str, base: Path = Path()) -> FamilyCode:
    """Find the code of a name or of `path.py:Class`, which is relative to a folder.

    Raises KeyError for an unknown name, ImportError where a package cannot be loaded, TypeError for what is
    no family, OSError, and whatever a plugin's file raises.
    """
    plugin = Plugin.parse(name, base)
    if plugin is not None:
        _of_plugin(plugin)
        return FamilyCode(plugin.class_name, plugin.source_hash, plugin=plugin)
    entry = registered()[name]
    if entry.family is None:
        raise ImportError(entry.problem)
    if not entry.package:
        return FamilyCode(name)
    return FamilyCode(name, package_hash(type(entry.family)), entry.package)
