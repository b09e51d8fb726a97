"""Every trial's own log: what happened to it, warnings and tracebacks, appended to one file."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Let a full disk cost lines of the log, not the trial."""


@contextlib.contextmanager
def trial_log(path: Path, title: str) -> Iterator[logging.Logger]:
    """Append what any library logs in this process, warnings included, to a file while a trial runs."""
    handler: logging.Handler
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    root, log = logging.getLogger(), logging.getLogger("bench")
    level, own = root.level, log.level
    root.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    log.info("%s begins on %s, process %d", title, platform.node(), os.getpid())
    try:
        yield log
    except KeyboardInterrupt:
        log.info("interrupted")
        raise
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        root.setLevel(level)
        log.setLevel(own)
        handler.close()
