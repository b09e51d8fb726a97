"""Drafts of files, beside the files they become: a held lock, not a process number, says their writer lives.

Process numbers mean nothing between containers or machines that share a folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".part"


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Yield a new, empty file beside `path`, to be written and moved there; what is left of it is removed.

    Raises OSError.
    """
    draft, handle = _held_draft(path)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
        os.close(handle)


def sweep(folder: Path, pattern: str = "*") -> None:
    """Remove drafts of files matching a pattern whose writers were killed."""
    for draft in folder.glob(f".{pattern}{_SUFFIX}"):
        with contextlib.suppress(OSError):  # somebody holds it, it is another user's, or there are no locks
            handle = os.open(draft, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                draft.unlink(missing_ok=True)
            finally:
                os.close(handle)


def _held_draft(path: Path) -> tuple[Path, int]:
    while True:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks: nobody can sweep there either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if draft.exists():
            return draft, handle
        os.close(handle)  # swept between its making and its lock
