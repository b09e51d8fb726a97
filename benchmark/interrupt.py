"""Ctrl-C in two strokes: the first is noted, the second raises KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType


class TwoStrokes(contextlib.AbstractContextManager["TwoStrokes"]):
    """Hold the first Ctrl-C back for whoever looks at `first`."""

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
