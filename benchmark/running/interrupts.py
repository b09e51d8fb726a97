"""Ctrl-C in two strokes, and what is taken for one: a batch system's SIGTERM, a closed terminal's SIGHUP."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

_TAKEN_FOR_IT = (signal.SIGTERM, signal.SIGHUP)


class TwoStrokes(contextlib.AbstractContextManager["TwoStrokes"]):
    """Hold the first Ctrl-C back for whoever looks at `first`; the second raises KeyboardInterrupt."""

    first = False

    def __enter__(self) -> TwoStrokes:
        self._ours = threading.current_thread() is threading.main_thread()
        if self._ours:
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.first:
            raise KeyboardInterrupt
        self.first = True


class Signals:
    """What this process does on SIGTERM and SIGHUP: the same as on Ctrl-C, but for its exit code."""

    received: signal.Signals = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """Return 128 + the signal, as a shell would: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.received

    def listen(self) -> None:
        """Take SIGTERM and SIGHUP for Ctrl-C from now on, but not where the caller has them ignored (nohup).

        A shell has background commands ignore Ctrl-C. It stays away, but the handlers for it are put in place
        all the same: SIGTERM goes through them.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in _TAKEN_FOR_IT:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._pass_on)
        os.register_at_fork(after_in_child=_end_at_once)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        handler: Any = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(number, frame)


def _end_at_once() -> None:
    """Have a forked child end at SIGTERM, as whoever forked it expects."""
    for number in _TAKEN_FOR_IT:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


SIGNALS = Signals()
