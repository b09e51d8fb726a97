"""What `bench new strategy` writes: a strategy that works, and its test."""

SOURCE = '''"""{title}: say here what it does to the strength, and why."""

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

TEST = '''"""The battery that every strategy passes, and what is special about {class_name}."""

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
