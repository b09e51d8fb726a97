"""Notice that somebody ended Ray under a run: Ray itself then ends this process without a word (no Ray)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from benchmark.running.cluster.ray_guard import ENDED, dismiss
from benchmark.running.interrupts import SIGNALS

_LOOK_SECONDS = 0.25
_SHOW_CURSOR = "\x1b[?25h"  # a live table hides it
_HEAD_SECONDS = 20.0  # a head that is started again meanwhile is none that ended
_ANSWER_SECONDS = 30


class RayWatch(contextlib.AbstractContextManager["RayWatch"]):
    """Ask again and again which part of Ray is missing; end this process with a line once one is.

    At once and from this thread: the main one may wait inside Ray for a minute, with Python's lock in
    its hands, and then be ended by it. Nothing is lost but what came after the last checkpoints.
    """

    def __init__(self, missing: Callable[[], str | None], put_away: Callable[[], None]) -> None:
        self._missing, self._put_away = missing, put_away
        self._over, self._last_words = threading.Event(), threading.Lock()
        self._note: Callable[[str], None] = lambda text: print(text, flush=True)
        self._interrupted: Callable[[], bool] = lambda: False

    def __enter__(self) -> RayWatch:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    @contextlib.contextmanager
    def telling(self, note: Callable[[str], None], interrupted: Callable[[], bool]) -> Iterator[None]:
        """Say by `note` what there is to say; where the run was interrupted, that decides the exit code."""
        self._note, self._interrupted = note, interrupted
        try:
            yield
        except Exception:  # whatever a dead Ray raises
            self.look()
            raise

    def look(self) -> None:
        """End this process if a part of Ray is missing."""
        what = self._missing()
        if what is None or not self._last_words.acquire(blocking=False):
            return
        self._note(ENDED.format(what=f" (its {what} is gone)"))
        if sys.stdout.isatty():
            sys.stdout.write(_SHOW_CURSOR)
        sys.stdout.flush()
        dismiss()
        self._put_away()
        # a batch system ends all processes of a job at once, Ray's too
        os._exit(SIGNALS.exit_code if self._interrupted() else os.EX_TEMPFAIL)

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.look()


class Pulse:
    """The raylet of this machine and the head of a cluster, felt by their sockets."""

    def __init__(self, raylet_socket: str, head: str) -> None:
        self._raylet = raylet_socket
        host, _, port = head.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._head_seen = time.monotonic()

    def missing(self) -> str | None:
        """Say which of them is there no more."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self._raylet)
            except (ConnectionRefusedError, FileNotFoundError):
                return "raylet"
        try:
            socket.create_connection(self._head, timeout=5).close()
            self._head_seen = time.monotonic()
        except OSError:
            if time.monotonic() - self._head_seen > _HEAD_SECONDS:
                return "head"
        return None


def refuse_silence(address: str) -> None:
    """Ask a head for its health: Ray would try for minutes. Raises ConnectionError where none answers."""
    ask = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    told = address if address != "auto" else os.environ.get("RAY_ADDRESS", "auto")
    try:
        asked = subprocess.run(
            [*ask, *([] if told == "auto" else ["--address", told])],
            capture_output=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConnectionError(f"no answer within {_ANSWER_SECONDS} s") from error
    if asked.returncode:
        raise ConnectionError("its health check fails")
