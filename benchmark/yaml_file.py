"""Read YAML 1.2 and remember on which line each value stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from benchmark.errors import UserError

Location = Sequence[str | int]


@dataclass(frozen=True)
class YamlFile:
    """Hold a parsed file: plain values, and the nodes that know their lines."""

    path: Path
    values: dict[str, Any]
    _root: CommentedMap

    def place(self, location: Location = ()) -> str:
        """Return 'path:line' of the deepest part of a location that exists."""
        node: Any = self._root
        line = node.lc.line
        for key in location:
            if isinstance(node, CommentedMap) and key in node:
                line = node.lc.key(key)[0]
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                line = node.lc.item(key)[0]
            else:
                break
            node = node[key]
        return f"{self.path}:{line + 1}"

    def error(self, location: Location, message: str, hint: str) -> UserError:
        """Build the two-line error for a location."""
        return UserError(f"{self.place(location)}: {message}", hint)


def read_yaml(path: Path) -> YamlFile:
    """Parse a file whose top level is a mapping. Raises UserError with the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: no such file", "name a suite file, e.g. suites/limited_data.yaml"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "a suite is a UTF-8 text file") from error
    try:
        root = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        problem = str(error.problem).split(" with value")[0]
        raise UserError(
            f"{path}:{line}: {problem}", "each key may stand once; remove one of the two"
        ) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}:{line}: not valid YAML: {error.problem}", "YAML 1.2 is expected") from error
    except YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}", "YAML 1.2 is expected") from error
    if not isinstance(root, CommentedMap):
        raise UserError(f"{path}:1: a suite is a mapping of keys to values", "see suites/smoke.yaml")
    return YamlFile(path, _plain(root), root)


def _plain(node: Any) -> Any:
    """Turn ruamel's round-trip types into Python's own."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node
