"""Code of the user's own for metrics, extractors and sources: `path.py:Name`, or a package's."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from strategies.contract.imports import hash_of_sources, sources_of
from strategies.contract.plugin import Plugin, split_name

METRIC_POINTS, EXTRACTOR_POINTS, SOURCE_POINTS = "bench.metrics", "bench.extractors", "bench.sources"


@dataclass(frozen=True)
class Own:
    """Hold what a name stands for: a plugin's file as it was when it was read, or what a package brought."""

    name: str  # the class or function in a file, or the entry point's name
    source_hash: str
    plugin: Plugin | None = None
    group: str = ""  # of entry points
    package: str = ""  # distribution and version, of an installed one

    def __str__(self) -> str:
        return str(self.plugin or self.name)

    @property
    def key(self) -> dict[str, str]:
        """Return what tells this code from other code, as JSON values."""
        return {"name": self.name, "source_hash": self.source_hash} | (
            {"package": self.package} if self.package else {}
        )

    def load(self) -> Any:
        """Return the class or function. Raises whatever its file raises, RuntimeError where it is another."""
        if self.plugin is not None:
            return self.plugin.load()
        here = installed_own(self.name, self.group)
        if here is None or here.key != self.key:
            found = "nothing of that name" if here is None else str(here.key)
            raise RuntimeError(
                f"'{self.name}' is not the one that this run was planned with: {self.key} there, {found} "
                "here; install the same on every node"
            )
        return _points(self.group)[self.name].load()


def find_own(text: str, group: str, base: Path = Path()) -> Own | None:
    """Return what `path.py:Name`, relative to a folder, or an installed name stands for; None for others.

    Raises OSError where a file cannot be read, and whatever a package raises at import.
    """
    plugin = Plugin.parse(text, base)
    if plugin is not None:
        return Own(plugin.class_name, plugin.source_hash, plugin)
    return installed_own(text, group)


def is_own(text: str, group: str) -> bool:
    """Say whether a name can be one of the user's own, without reading or importing anything."""
    return split_name(text) is not None or text in _points(group)


def installed_names(group: str) -> list[str]:
    """Return the names packages bring under a group of entry points."""
    return sorted(_points(group))


def installed_own(name: str, group: str) -> Own | None:
    """Return what an installed package brings under a name. Raises whatever it raises at import."""
    point = _points(group).get(name)
    if point is None:
        return None
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
    return Own(name, _hash_of(point), group=group, package=package)


def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


@functools.cache
def _hash_of(point: EntryPoint) -> str:
    """Hash a module and what it imports of its package: an editable install changes without a version."""
    point.load()
    module = sys.modules[point.module]
    file, parts = Path(str(module.__file__)), module.__name__.split(".")
    depth = len(parts) + (file.name == "__init__.py")
    return hash_of_sources(sources_of(file, file.parents[depth - 1], lambda top: top == parts[0]))
