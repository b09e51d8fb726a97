"""`bench new strategy NAME`: a plugin and its test, ready to be changed."""

from __future__ import annotations

import keyword
from pathlib import Path

from benchmark.errors import UserError, unknown_name

_CLASS = '''"""{title}: say here what it does to the strength, and why."""

from __future__ import annotations

import math

from strategies import Strategy


class {class_name}(Strategy):
    """Strength falls along half a cosine from `start` to 0.

    start: strength at the beginning.
    """

    name = "{name}"

    def __init__(self, start: float = 1.0) -> None:
        if not 0 <= start <= 1:
            raise ValueError(f"start must lie in [0, 1], got {{start}}")
        self._start = start

    def strength(self, progress: float) -> float:
        return self._start * 0.5 * (1 + math.cos(math.pi * progress))
'''

_TEST = '''"""The battery that every strategy passes, and what is special about {class_name}."""

from pathlib import Path

import pytest

from strategies.checks import check_strategy
from strategies.contract.registry import from_file

{class_name} = from_file(Path(__file__).with_name("{name}.py"), "{class_name}")


def test_it_passes_the_battery() -> None:
    check_strategy({class_name})


def test_it_ends_clean() -> None:
    assert {class_name}().strength(1.0) == pytest.approx(0.0)
'''


def write_plugin(what: str, name: str, into: Path) -> None:
    """Write a plugin of a kind and its test, and say how to go on. Raises UserError."""
    if what != "strategy":
        raise UserError(*unknown_name("kind of plugin", what, ["strategy"]))
    source, test = new_strategy(name, into)
    print(f"wrote {source} and {test}")
    print(f"test it: pytest {test}")
    class_name = _class_name(name)
    print(f"use it in a suite's strategies, as a path relative to the suite: ./{source.name}:{class_name}")


def new_strategy(name: str, folder: Path) -> list[Path]:
    """Write NAME.py and test_NAME.py into a folder and return their paths. Raises UserError."""
    from strategies.contract.registry import known_strategies

    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise UserError(
            f"'{name}' cannot name a strategy", "use small letters, digits and _, e.g. slow_start"
        )
    if name in known_strategies():
        raise UserError(f"strategy '{name}' exists already", "see: bench list strategies")
    class_name = _class_name(name)
    files = {folder / f"{name}.py": _CLASS, folder / f"test_{name}.py": _TEST}
    for path in files:
        if path.exists():
            raise UserError(f"{path} exists already", "remove it, or choose another name or folder (--into)")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text.format(name=name, class_name=class_name, title=class_name), encoding="utf-8")
    return list(files)


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
