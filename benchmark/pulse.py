"""Say that a long computation is alive, from wherever it is, to whoever watches for hanging (no torch)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import filelock

_ASK_SECONDS = 1.0  # between looks at a lock that another process holds

_heard: ContextVar[Callable[[], None] | None] = ContextVar("heard", default=None)


def pulse() -> None:
    """Say that work goes on: a batch, a metric or a look at a lock later than the last time."""
    heard = _heard.get()
    if heard is not None:
        heard()


@contextlib.contextmanager
def heard_by(listener: Callable[[], None]) -> Iterator[None]:
    """Have `listener` called at every pulse."""
    token = _heard.set(listener)
    try:
        yield
    finally:
        _heard.reset(token)


@contextlib.contextmanager
def locked(path: Path, *, waiting: Callable[[], None] = pulse) -> Iterator[None]:
    """Hold a lock file; while another process does, call `waiting` once a second: it is watched, too."""
    lock = filelock.FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_ASK_SECONDS)
            break
        except filelock.Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()
