"""Read YAML 1.2 into plain values and remember on which line each of them stands.

Read from the composed nodes, not from ruamel's own types: so merges, aliases and tags are resolved in one
place, and every value is a word, a finite list or mapping, or a number that JSON can hold.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from benchmark.errors import UserError, shown

Location = Sequence[str | int]
_TAG = "tag:yaml.org,2002:"
_VALUES = ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")  # tags of single values
_WORDS = tuple(f"{_TAG}{kind}" for kind in ("str", "timestamp", "value"))
_MOST_VALUES = 50_000  # of one file, aliases written out: a few lines of aliases could ask for billions


@dataclass(frozen=True)
class YamlFile:
    """Hold a parsed file: plain values, and the line of each."""

    path: Path
    values: dict[str, Any]
    lines: Mapping[tuple[str | int, ...], int]  # by location; a key's own line, an item's first

    def place(self, location: Location = ()) -> str:
        """Return 'path:line' of the deepest part of a location that exists."""
        parts = tuple(location)
        while parts not in self.lines:
            parts = parts[:-1]
        return f"{self.path}:{self.lines[parts]}"

    def error(self, location: Location, message: str, hint: str) -> UserError:
        """Build the two-line error for a location."""
        return UserError(f"{self.place(location)}: {message}", hint)


def read_yaml(path: Path) -> YamlFile:
    """Parse a file whose top level is a mapping. Raises UserError with the line."""
    text = _text(path)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = text.count("\n", 0, mark.index) + 1 if mark else 1
        raise UserError(
            f"{path}:{line}: not valid YAML: {shown(error.problem or error.context, quote=False)}",
            "YAML 1.2 is expected; blanks indent, tabs do not",
        ) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(
            f"{path}:{line}: the character {shown(text[error.position])} may not stand in YAML",
            "remove it, or write it as an escape in double quotes",
        ) from error
    except RecursionError as error:
        raise UserError(f"{path}:1: nested too deeply", "a suite is a few levels deep") from error
    if not isinstance(root, MappingNode):
        raise UserError(f"{path}:1: a suite is a mapping of keys to values", "see suites/smoke.yaml")
    reading = _Reading(path, text)
    try:
        values = reading.value(root, (), reading.line_of(root))
    except RecursionError as error:
        raise UserError(f"{path}:1: nested too deeply", "a suite is a few levels deep") from error
    return YamlFile(path, values, reading.lines)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: no such file", "name a suite file, e.g. suites/limited_data.yaml"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a name that holds a zero byte
        raise UserError(
            f"{shown(path, quote=False)}: cannot be read ({error})", "a suite is a UTF-8 text file"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}:{line}: cannot be read ({error.reason})", "a suite is a UTF-8 text file"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Reading:
    """Turn nodes into plain values, once through the file."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._ends = [i for i, character in enumerate(text) if character == "\n"]
        self.lines: dict[tuple[str | int, ...], int] = {}
        self._open: set[int] = set()  # nodes that are being read: an alias to one of them has no end
        self._known: dict[int, dict[str, tuple[Node, int]]] = {}  # mappings by node: merges may share them
        self._scalars = YAML(typ="safe", pure=True).constructor

    def line_of(self, node: Node) -> int:
        """Return the line a node starts on: ruamel ends lines where editors do not (U+2028)."""
        return bisect.bisect_left(self._ends, node.start_mark.index) + 1

    def value(self, node: Node, location: tuple[str | int, ...], line: int) -> Any:
        """Return a node's plain value. Raises UserError."""
        self.lines[location] = line
        if len(self.lines) > _MOST_VALUES:
            raise self._error(line, "aliases multiply to more values than a suite holds", "write them out")
        if id(node) in self._open:
            raise self._error(line, "an alias stands inside of what it means", "write out what is meant")
        kind = str(node.tag).removeprefix(_TAG)
        if isinstance(node, ScalarNode) and kind in _VALUES:
            return self._scalar(node, kind, self.line_of(node))
        if not (isinstance(node, MappingNode) and kind == "map") and not (
            isinstance(node, SequenceNode) and kind == "seq"
        ):
            raise self._error(line, f"the tag {shown(node.tag)} is not known here", "leave the tag out")
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                entries = self._entries(node)
                return {k: self.value(v, (*location, k), n) for k, (v, n) in entries.items()}
            items = enumerate(node.value)
            return [self.value(item, (*location, i), self.line_of(item)) for i, item in items]
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: ScalarNode, kind: str, line: int) -> Any:
        text: str = node.value
        if kind == "null":
            return None
        if kind not in ("int", "float", "bool"):  # YAML 1.2 knows no dates: they are words
            return self._word(text, line)
        if kind == "bool":
            return self._truth(text, line)
        try:
            value = getattr(self._scalars, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, OverflowError, IndexError) as error:  # !!int x, 5,000 digits
            raise self._error(
                line, f"{shown(text)} is not a number", "a number of a few digits is expected"
            ) from error
        if kind == "int" and value.bit_length() > 63:
            raise self._error(line, f"{shown(text)} is too large a number", f"at most {2**63 - 1}")
        if kind == "float" and value != value:
            raise self._error(line, f"{shown(text)} is not a number", "a finite number is expected")
        if kind == "float" and abs(value) == float("inf"):
            raise self._error(line, f"{shown(text)} is infinite", "a finite number is expected")
        return value

    def _truth(self, text: str, line: int) -> bool:
        if text.lower() not in ("true", "false"):
            raise self._error(line, f"{shown(text)} is not a truth value", "true or false is expected")
        return text.lower() == "true"

    def _word(self, text: str, line: int) -> str:
        odd = next((c for c in text if not c.isprintable() and not c.isspace()), "")
        if odd and (odd < " " or "\x7f" <= odd < "\xa0" or "\ud800" <= odd <= "\udfff"):
            raise self._error(
                line, f"{shown(text)} holds a character that cannot be printed", f"remove {shown(odd)}"
            )
        return text

    def _entries(self, node: MappingNode) -> dict[str, tuple[Node, int]]:
        """Return a mapping's values and lines by key; its own keys before merged ones (<<)."""
        if id(node) in self._known:
            return self._known[id(node)]
        own: dict[str, tuple[Node, int]] = {}
        merged: dict[str, tuple[Node, int]] = {}
        for key_node, value_node in node.value:
            line = self.line_of(key_node)
            if str(key_node.tag) == f"{_TAG}merge":
                for key, entry in self._merged(value_node, line).items():
                    merged.setdefault(key, entry)
                continue
            if not isinstance(key_node, ScalarNode) or str(key_node.tag) not in _WORDS:
                text = shown(key_node.value) if isinstance(key_node, ScalarNode) else "a list or mapping"
                raise self._error(line, f"{text} stands as a key", "keys are words; put it in quotes")
            key = self._word(key_node.value, line)
            if key in own:
                raise self._error(
                    line, f"duplicate key {shown(key)}", "each key may stand once; remove one of the two"
                )
            own[key] = (value_node, line)
        known = own | {key: entry for key, entry in merged.items() if key not in own}
        self._known[id(node)] = known
        return known

    def _merged(self, node: Node, line: int) -> dict[str, tuple[Node, int]]:
        """Return what << brings in: a mapping, or several of which the first wins."""
        parts: list[Any] = node.value if isinstance(node, SequenceNode) else [node]
        if id(node) in self._open or any(id(part) in self._open for part in parts):
            raise self._error(line, "an alias stands inside of what it means", "write out what is meant")
        if not all(isinstance(part, MappingNode) for part in parts):
            raise self._error(line, "<< merges mappings", "name one by its alias, e.g. <<: *common")
        found: dict[str, tuple[Node, int]] = {}
        self._open.add(id(node))
        try:
            for part in parts:
                found = self._entries(part) | found
        finally:
            self._open.discard(id(node))
        return found

    def _error(self, line: int, message: str, hint: str) -> UserError:
        return UserError(f"{self.path}:{line}: {message}", hint)
