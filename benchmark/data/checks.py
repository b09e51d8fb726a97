"""The battery for a source of the user's own: `check_source(load)`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmark.data.choosing import held_out
from benchmark.data.dataset import DatasetSpec
from benchmark.data.loaded import Rows
from benchmark.data.own_source import ask_source, loaded_from
from benchmark.errors import UserError


class SourceError(AssertionError):
    """A source broke a rule of the contract; the message names both."""


def check_source(make: Callable[..., Any], *, size: int | None = None) -> None:
    """Run the battery on a function, or on a class. Raises SourceError naming the rule broken.

    It returns uint8 images of one shape, enough to hold two of them out, and as many labels where it returns
    some; the same images, in the same order, the next time; the global generators of NumPy and Python are
    left alone.
    """
    name = getattr(make, "__name__", str(make))
    spec = DatasetSpec(name, f"{name}.py:{name}", size=size)
    before = repr(np.random.get_state(legacy=False)), random.getstate()
    try:
        first, again = (loaded_from(ask_source(make, size), f"source '{name}'", spec) for _ in range(2))
        held_out(first, spec)
    except UserError as error:
        raise SourceError(" ".join(str(error).split())) from error
    if (repr(np.random.get_state(legacy=False)), random.getstate()) != before:
        raise SourceError(f"source '{name}' draws from a global generator; draw from default_rng(0)")
    if first.unlabelled:
        raise SourceError(f"source '{name}': labels {first.unlabelled}")
    for key in ("pool", "test", "pool_labels", "test_labels"):
        if not _same(getattr(first, key), getattr(again, key)):
            raise SourceError(f"source '{name}' returns something else the next time: {key}")


def _same(one: Any, other: Any) -> bool:
    assert not isinstance(one, Rows)
    return one is other is None or np.array_equal(one, other)
