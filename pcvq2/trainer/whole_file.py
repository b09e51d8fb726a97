"""Write a file whole or not at all (no torch)."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from pcvq2.trainer.scratch import draft_of, sweep


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that a reader, a crash or a full disk never sees half of it; return its path.

    What writers that were killed have left of it is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, f"{glob.escape(path.name)}.*")
    with draft_of(path) as draft:
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    return path
