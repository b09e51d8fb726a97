"""Can a folder be written, and does its file system keep two runs apart? Asked before any training."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from benchmark.errors import UserError
from pcvq2.scratch import draft_of


def refuse_unwritable(runs: Path) -> None:
    """Write and lock a file in a folder and in those inside it, and leave nothing. Raises UserError."""
    folder = runs
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    inside = [path for path in runs.glob("*") if path.is_dir()] if folder == runs else []
    for place in (folder, *inside):
        try:
            with draft_of(place / "preflight") as draft:
                _refuse_without_locks(runs, draft)
        except OSError as error:
            raise UserError(
                f"{place}: cannot be written ({error.strerror})", "name another folder with --runs"
            ) from error


def _refuse_without_locks(runs: Path, draft: Path) -> None:
    """Refuse a file system on which a second handle gets a lock that is held, or on which there are none."""
    handle = os.open(draft, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        reason = "they hold nobody off"
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return
        reason = str(error.strerror)
    finally:
        os.close(handle)
    raise UserError(
        f"{runs}: its file system has no locks ({reason}), which keep two runs from training the same trial",
        "name a folder on another file system with --runs (for NFS: mounted with locks)",
    )
