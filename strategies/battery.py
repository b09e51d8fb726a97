"""Run the battery on every registered strategy: `pytest --pyargs strategies.battery`."""

from __future__ import annotations

import pytest

from strategies.checks import check_strategy
from strategies.contract.registry import known_strategies


@pytest.mark.parametrize("name", sorted(known_strategies()))
def test_strategy(name: str) -> None:
    """Check one strategy, built in or installed, with its default parameters."""
    check_strategy(known_strategies()[name])
