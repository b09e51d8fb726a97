"""Real colour photographs for tests that painted images cannot stand in for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "data" / "cifar10_cats.zip"


def photographs() -> Path:
    """Return the zip of cats, $BENCH_TEST_CATS if that is set; skip the test where there is none."""
    path = Path(os.environ.get("BENCH_TEST_CATS", BESIDE_THE_CHECKOUT))
    if not path.is_file():
        pytest.skip(f"NOT TESTED on photographs: {path} is missing; name a zip of them in BENCH_TEST_CATS")
    return path
