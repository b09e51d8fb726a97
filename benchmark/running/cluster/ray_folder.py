"""The folder of a Ray session: short enough for sockets, held while it lives, removed after (no Ray)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmark.errors import UserError

_PREFIX, _LOCK = "bench-ray_", "held"
_LONGEST_SOCKET = 107  # bytes in the path of a UNIX socket, by the kernel's sockaddr_un
_NAME = len(_PREFIX) + 8  # what mkdtemp appends
# what Ray makes of it: session_DATE_TIME_MICROSECONDS_PID/sockets/plasma_store
_BELOW = len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")


@contextlib.contextmanager
def ray_folder() -> Iterator[Path]:
    """Make a folder for Ray and hold it; remove those whose processes were killed. Raises UserError."""
    place = place_for_ray()
    _sweep(place)
    folder, handle = _held_folder(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def place_for_ray() -> Path:
    """Return the temporary folder, or another one where that one's path is too long. Raises UserError."""
    given = Path(tempfile.gettempdir())
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    others = [Path("/tmp"), Path("/var/tmp"), *([Path(runtime)] if runtime else [])]
    for place in (given, *others):
        fits = len(os.fsencode(place)) + 1 + _NAME + _BELOW <= _LONGEST_SOCKET
        if fits and place.is_dir() and os.access(place, os.W_OK | os.X_OK):
            return place
    most = _LONGEST_SOCKET - 1 - _NAME - _BELOW
    raise UserError(
        f"{given}: Ray's sockets have no place there (at most {most} bytes and writable), nor in "
        + ", ".join(map(str, others)),
        "set TMPDIR to a short path that can be written, or run without Ray: --local",
    )


def _held_folder(place: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        with contextlib.suppress(FileNotFoundError):  # swept between its making and its lock
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks: nobody can sweep there either
                fcntl.flock(handle, fcntl.LOCK_EX)
            if (folder / _LOCK).exists():
                return folder, handle
            os.close(handle)


def _sweep(place: Path) -> None:
    """Remove the folders that nobody holds: a lock is seen by every container that sees the folder."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody holds it, or it is another user's
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
