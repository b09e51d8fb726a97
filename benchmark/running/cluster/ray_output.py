"""What Ray and its workers print goes to a file."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_MOST_BYTES = 64 * 2**10  # kept of each of Ray's files
_WORTH_KEEPING = ("worker-*.out", "worker-*.err", "raylet.err", "gcs_server.err")


@contextlib.contextmanager
def to_file(path: Path, loggers: Sequence[str]) -> Iterator[None]:
    """Send what loggers and this process's standard error have to say to a file while this lasts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _standard_error_in(path), _logging_in(path, loggers):
        yield


@contextlib.contextmanager
def _standard_error_in(path: Path) -> Iterator[None]:
    """Redirect the file descriptor itself: Ray's C++ writes to it."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


@contextlib.contextmanager
def _logging_in(path: Path, loggers: Sequence[str]) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    found = [logging.getLogger(name) for name in loggers]
    before = [(log.propagate, log.handlers, log.level) for log in found]
    for log in found:
        log.propagate, log.handlers = False, [handler]
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for log, (propagate, handlers, level) in zip(found, before, strict=True):
            log.propagate, log.handlers = propagate, handlers
            log.setLevel(level)
        handler.close()


def keep_output(folder: Path, log: Path) -> None:
    """Append what Ray's processes and the workers printed to a log."""
    with contextlib.suppress(OSError), log.open("ab") as stream:  # a full disk
        for pattern in _WORTH_KEEPING:
            for path in sorted(folder.glob(f"session_2*/logs/{pattern}")):
                said = path.read_bytes()
                lines = [line for line in said.splitlines() if line.strip() and not line.startswith(b":")]
                if lines:
                    text = b"\n".join(lines)[-_MOST_BYTES:]
                    stream.write(f"--- {path.name}\n".encode() + text + b"\n")
