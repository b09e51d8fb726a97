"""Tell a built-in strategy as it was shipped from one that was edited in place: what a class does, hashed.

`python -m strategies.contract.shipped_table` prints the table below anew.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

from strategies.contract.imports import short_hash

# "module.Class" of this package -> what it does. A class that differs is keyed by its source, so finished
# records stay with the code that made them. Renew an entry only when its class still does the same.
SHIPPED: dict[str, str] = {
    "adaptive.Adaptive": "b18e03acb5ccf82a",
    "annealed.Annealed": "92265b3c21f042b3",
    "base.Strategy": "2ff98d55be33177a",
    "conditional.Conditional": "6e22f80a2fa50f7f",
    "constant.Constant": "d2f6d1b30ea38bf4",
    "increasing.Increasing": "7b4bca8663b4179c",
    "matched.Matched": "81648c973e9906d8",
    "none.NoAugmentation": "ab312320db366ca8",
    "phased.Phased": "db7a4758259e3925",
}

_SKIPPED = {"annotation", "ctx", "kind", "returns", "type_comment", "type_params"}  # no part of what is done
_Place = tuple[str, str]  # module and name


def place_of(strategy: type) -> str:
    """Return a class's key in the table."""
    return f"{strategy.__module__.rpartition('.')[2]}.{strategy.__qualname__}"


def is_shipped(strategy: type) -> bool:
    """Say whether a class of this folder is one of the built-in ones, and not edited."""
    return SHIPPED.get(place_of(strategy), "") == meaning(strategy)


def meaning(strategy: type) -> str:
    """Hash what a class of this folder does: its code and what that uses of this folder.

    Docstrings, comments, formatting, annotations and imports do not count, nor what `bench tune` may try.
    """
    return _meaning(strategy.__module__, strategy.__qualname__)


@functools.cache
def _meaning(module: str, name: str) -> str:
    told: dict[_Place, object] = {}
    left: list[_Place] = [(module, name)]
    while left:
        place = left.pop()
        found = None if place in told else _definitions(place[0]).get(place[1])
        if isinstance(found, ast.AST):
            told[place] = _told(found)
            left += [(place[0], used) for used in _names(found)]
        elif found is not None:
            left += _places(*found)
    # by name alone: a definition that moves to another file does what it did
    named = sorted(json.dumps([place[1], what], sort_keys=True) for place, what in told.items())
    return short_hash(json.dumps(named).encode())


def _places(module: str, name: str) -> Iterator[_Place]:
    """Yield what an imported name stands for: itself, or all of a module."""
    whole = f"{module}.{name}" if name else module
    if name in _definitions(module):
        yield module, name
    elif _source_of(whole) is not None:
        yield from ((whole, one) for one in _definitions(whole))


@functools.cache
def _definitions(module: str) -> dict[str, ast.stmt | _Place]:
    """Return what a module of this folder defines by name, and what it imports from this folder."""
    file = _source_of(module)
    found: dict[str, ast.stmt | _Place] = {}
    for node in ast.parse(file.read_bytes()).body if file else []:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "strategies":
            found |= {a.asname or a.name: (str(node.module), a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            ours = [a for a in node.names if a.name.startswith("strategies.") and a.asname]
            found |= {str(a.asname): (a.name, "") for a in ours}
        else:
            stored = [n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            found |= dict.fromkeys((n.id for n in stored), node)
    return found


@functools.cache
def _source_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def _told(node: object) -> object:
    """Turn a syntax tree into JSON values that do not depend on Python's version."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if name not in _SKIPPED]
        return [
            type(node).__name__,
            {name: _told(value) for name, value in fields if value not in (None, [])},
        ]
    if isinstance(node, list):
        return [_told(one) for one in node if not _says_nothing(one)]
    return repr(node)


def _names(node: object) -> Iterator[str]:
    """Yield the names that `_told` tells of."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.AST):
        for name, value in ast.iter_fields(node):
            if name not in _SKIPPED:
                yield from _names(value)
    elif isinstance(node, list):
        for one in node:
            if not _says_nothing(one):
                yield from _names(one)


def _says_nothing(node: object) -> bool:
    """Say whether a statement is an import, a docstring or the list of what may be tuned."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.target.id == "tunable"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
