"""Notice a trial that hangs: one that makes no step of any stage for too long."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType


class Stalled(RuntimeError):
    """A trial made no step for too long."""


class Alarm(contextlib.AbstractContextManager["Alarm"]):
    """Raise Stalled in the main thread, out of whatever Python code hangs there."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._usable = seconds > 0 and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Alarm:
        if self._usable:
            self._previous = signal.signal(signal.SIGALRM, self._ring)
        return self

    def __exit__(self, *error: object) -> None:
        if self._usable:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._previous)

    def beat(self, stage: str, step: int, steps: int) -> None:
        """Note a step, or the same one again. The last of a stage ends the watch until the next begins."""
        if self._usable:
            signal.setitimer(signal.ITIMER_REAL, self._seconds if _watched(step, steps) else 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        raise Stalled(f"no step for {self._seconds:g} s")


class Sentry(contextlib.AbstractContextManager["Sentry"]):
    """End the process of a worker whose trial hangs, for nothing can be raised in a thread of its own.

    `give_up` hears why, with the place where the trial hangs, and has the last word.
    """

    def __init__(self, seconds: float, give_up: Callable[[Stalled, str], None]) -> None:
        self._seconds, self._give_up = seconds, give_up
        self._watched = threading.get_ident()
        self._deadline: float | None = None
        self._over = threading.Event()

    def __enter__(self) -> Sentry:
        if self._seconds > 0:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def beat(self, stage: str, step: int, steps: int) -> None:
        """Note a step; see Alarm.beat."""
        watched = _watched(step, steps)
        self._deadline = time.monotonic() + self._seconds if watched else None

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, self._seconds / 4)):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                where = "".join(traceback.format_stack(sys._current_frames()[self._watched]))
                try:
                    self._give_up(Stalled(f"no step for {self._seconds:g} s"), where)
                finally:
                    os._exit(1)


def _watched(step: int, steps: int) -> bool:
    return step < steps  # of every stage: scoring can hang in a plugin as well as training
