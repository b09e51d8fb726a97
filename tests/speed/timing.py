"""Interleaved timing of calls in one process, for the scripts of this folder."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def medians(rounds: int, *calls: Callable[[], object], warm_up: bool = True) -> list[float]:
    """Return the median processor seconds of each call, taking turns; a first round warms up, uncounted."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + warm_up):
        for call, taken in zip(calls, seconds, strict=True):
            start = time.process_time()
            call()
            taken.append(time.process_time() - start)
    return [statistics.median(taken[warm_up:]) for taken in seconds]
