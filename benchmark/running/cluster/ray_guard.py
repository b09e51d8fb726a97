"""A process beside a run on Ray that says why it ended where the run itself cannot (standard library only).

A head that was told to end refuses answers before it is gone. A call of Ray's library then holds Python's
lock, for a minute at the most, and all that the run would say waits with it. This file is a program:

    python -I ray_guard.py PID_OF_THE_RUN PID_OF_A_VITAL_PROCESS ...

It ends with the run. A run that ends in order says so first, on this program's standard input.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

OVER = b"over"
ENDED = (
    "Ray was ended from outside{what}, as by `ray stop`, a kill or a lack of memory\n"
    "nothing is lost: the same command goes on from the last checkpoints"
)
_PATIENCE_MILLISECONDS = 5000  # for the run, to say it by itself


@contextlib.contextmanager
def guarded(vital: Sequence[int]) -> Iterator[None]:
    """Have a process watch over this one while it needs some others, by their numbers.

    They are its children, so their numbers cannot pass to others unnoticed. Does without where the kernel
    has no handles of processes.
    """
    command = [sys.executable, "-I", __file__, str(os.getpid()), *map(str, vital)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    global _to_guard
    _to_guard = guard.stdin.fileno() if guard.stdin is not None else None
    try:
        yield
    finally:
        dismiss()
        with contextlib.suppress(OSError):
            guard.communicate(timeout=5)


def dismiss() -> None:
    """Say that this process ends in order, or has said itself why not."""
    global _to_guard
    if _to_guard is not None:
        with contextlib.suppress(OSError):  # the guard has gone
            os.write(_to_guard, OVER)
        _to_guard = None


_to_guard: int | None = None


def main(run: int, vital: Sequence[int]) -> None:
    """Wait for whatever ends first; where that is Ray, end the run with a line unless it does so itself."""
    handles, run_handle = [os.pidfd_open(pid) for pid in vital], os.pidfd_open(run)
    if set(_ready([0, *handles])) == {0}:  # the run ended first, in order or killed
        return
    if 0 in _ready([0], _PATIENCE_MILLISECONDS) and os.read(0, len(OVER)) == OVER:
        return
    print(ENDED.format(what=""), flush=True)
    with contextlib.suppress(ProcessLookupError):  # Ray's library ended it without a word
        signal.pidfd_send_signal(run_handle, signal.SIGKILL)


def _ready(files: Sequence[int], milliseconds: int | None = None) -> list[int]:
    """Wait until one of some files has something to say: a process's handle, that it has ended."""
    waiting = select.poll()
    for file in files:
        waiting.register(file, select.POLLIN)
    return [file for file, _ in waiting.poll(milliseconds)]


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(pid) for pid in sys.argv[2:]])
