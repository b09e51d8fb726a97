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

from benchmark.errors import RayEnded

_LOOK_SECONDS = 0.25
_LEAVE_SECONDS = 8.0  # for the main thread to leave by itself; Ray ends the process after about 13
_SHUT_DOWN_SECONDS = 5.0
_HEAD_SECONDS = 20.0  # a head that is started again meanwhile is none that ended
_ANSWER_SECONDS = 30


class RayWatch(contextlib.AbstractContextManager["RayWatch"]):
    """Ask again and again which part of Ray is missing; have the run leave with RayEnded once one is.

    The main thread leaves where it asks. If it cannot, for it waits inside Ray, the process ends here. At the
    end Ray is shut down, for which a dead one has a few seconds: it would take a minute.
    """

    def __init__(self, missing: Callable[[], str | None], shut_down: Callable[[], None]) -> None:
        self._missing, self._shut_down = missing, shut_down
        self._ended: str | None = None
        self._over = threading.Event()
        self._note: Callable[[str], None] = lambda text: print(text, flush=True)

    def __enter__(self) -> RayWatch:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._ended is None:
            return self._shut_down()
        last = threading.Thread(target=self._shut_down, daemon=True)
        last.start()
        return last.join(_SHUT_DOWN_SECONDS)

    @contextlib.contextmanager
    def telling(self, note: Callable[[str], None]) -> Iterator[None]:
        """Say by `note` what there is to say; turn whatever a dead Ray raises into RayEnded."""
        self._note = note
        try:
            yield
        except RayEnded:
            raise
        except Exception:
            self.raise_if_ended(look=True)
            raise

    def raise_if_ended(self, *, look: bool = False, interrupted: bool = False) -> None:
        """Raise RayEnded once a part of Ray is missing, by the last look or by one of now."""
        if look:
            self._look()
        if self._ended is not None:
            raise RayEnded(self._ended, interrupted=interrupted)

    def _look(self) -> None:
        what = self._missing()
        if what is not None:
            self._ended = f"its {what} is gone"

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._look()
            if self._ended is not None:
                if not self._over.wait(_LEAVE_SECONDS):
                    self._note(str(RayEnded(self._ended)))
                    os._exit(os.EX_TEMPFAIL)
                return


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
