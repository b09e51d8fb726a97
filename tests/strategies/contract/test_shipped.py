"""A built-in strategy is known by its name only as it was shipped; other files are known by their source."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import strategies
from strategies.contract.shipped import SHIPPED
from strategies.contract.shipped_table import table

Keys = dict[str, Any]
MINE = """\
from strategies.annealed import fallen
from strategies.contract.base import Strategy


class Mine(Strategy):
    def strength(self, progress: float) -> float:
        return 0.5 * fallen("linear", progress)
"""


def test_the_table_of_shipped_strategies_is_current() -> None:
    assert table() == SHIPPED, (
        "a built-in strategy does something else than the table says. If it still does the same, put what "
        "`python -m strategies.contract.shipped_table` prints into it; if not, its finished records are "
        "of another strategy: raise its `version`, or give it a parameter whose default is the old way"
    )


@pytest.fixture
def keys(tmp_path: Path) -> Callable[..., Keys]:
    """Edit a copy of strategies/, one replacement after the other, and return all keys as JSON values."""
    copy = tmp_path / "strategies"
    shutil.copytree(Path(strategies.__path__[0]), copy, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(file: str = "", old: str = "", new: str = "") -> Keys:
        if file:
            path = copy / file
            text = path.read_text() if path.exists() else ""
            assert old in text
            path.write_text(text.replace(old, new) if old else new)
        code = (
            "import json; from strategies.contract.registry import *; found = registered().items()\n"
            "print(json.dumps({n: code_of(n).key if r.strategy else r.problem for n, r in found}))"
        )
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return edit


def changed(before: Keys, after: Keys) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_only_what_a_class_does_counts(keys: Callable[..., Keys]) -> None:
    shipped = keys()
    risen = {"adaptive": {"version": 2}}  # means something else than it did at first
    assert all(key == {"name": n, "source_hash": None} | risen.get(n, {}) for n, key in shipped.items())
    for old, new in (
        ("Let the strength fall along", "Have the strength fall along"),
        ("        return self._start *", "        # why\n        return  self._start *"),
        ("Uniform(0.1, 1.0)", "Uniform(0.2, 1.0)"),  # what `bench tune` tries
        ("import math\n", "import math\nimport sys\n"),
        ("progress: float) -> float", "progress: 'float') -> 'float'"),
    ):
        assert changed(shipped, keys("annealed.py", old, new)) == set(), old


def test_an_edited_strategy_does_not_keep_its_key(keys: Callable[..., Keys]) -> None:
    shipped = keys()
    edited = keys("annealed.py", "until: float = 0.75", "until: float = 0.7")
    assert changed(shipped, edited) == {"annealed"}
    again = keys("annealed.py", "return self._start *", "return 0.9 * self._start *")
    assert len({str(k["annealed"]) for k in (shipped, edited, again)}) == 3
    helper = keys(
        "annealed.py", "0.5 * (1 + math", "0.4 * (1 + math"
    )  # of `fallen`, which another one imports
    assert changed(again, helper) == {"annealed", "increasing"}


def test_an_edited_base_counts_for_all(keys: Callable[..., Keys]) -> None:
    shipped = keys()
    edited = keys("contract/base.py", "        return 1.0\n", "        return 0.9\n")
    assert changed(shipped, edited) == set(shipped)


def test_a_file_added_to_the_folder_is_keyed_by_its_source(keys: Callable[..., Keys]) -> None:
    shipped = keys()
    first = keys("mine.py", "", MINE)
    assert changed(shipped, first) == {"mine"}
    second = keys("mine.py", "0.5 *", "0.25 *")
    assert changed(first, second) == {"mine"}
    third = keys("annealed.py", "return 1 - share", "return 1 - share**2")  # what it imports
    assert changed(second, third) == {"mine", "annealed", "increasing"}


def test_a_file_that_cannot_be_loaded_takes_no_other_with_it(keys: Callable[..., Keys]) -> None:
    shipped = keys()
    broken = keys("mine.py", "", "import nothing_of_that_name\n")
    assert changed(shipped, broken) == {"mine"}
    assert broken["mine"] == "ModuleNotFoundError: No module named 'nothing_of_that_name'"


def test_a_file_cannot_take_the_name_of_a_shipped_one(keys: Callable[..., Keys]) -> None:
    shipped = keys()
    assert (
        changed(shipped, keys("zzz.py", "", MINE.replace("    def", '    name = "phased"\n\n    def')))
        == set()
    )
