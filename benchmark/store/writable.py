"""Can a folder be written, and does its file system keep two runs apart? Asked before any training."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from benchmark.errors import UserError
from pcvq2.trainer.scratch import draft_of


def refuse_unwritable(runs: Path) -> None:
    """Write and lock a file in a runs folder and in those inside it; leave nothing. Raises UserError."""
    inside = [path for path in runs.glob("*") if path.is_dir()]
    for place in (runs, *inside):
        refuse_unwritable_output(place, "--runs")
    with draft_of(_nearest(runs) / "preflight") as draft:
        _refuse_without_locks(runs, draft)


def refuse_unwritable_output(folder: Path, option: str = "--output") -> None:
    """Write a file where a folder is or will be, and leave nothing. Raises UserError."""
    place = _nearest(folder)
    try:
        with draft_of(place / "preflight"):
            pass
    except OSError as error:
        raise UserError(
            f"{place}: cannot be written ({error.strerror})", f"name another folder with {option}"
        ) from error


def _nearest(folder: Path) -> Path:
    """Return a folder, or the nearest one around it that exists."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


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
