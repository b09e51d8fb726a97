"""Write files whole or not at all."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from pcvq2.scratch import draft_of, sweep


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that no reader sees half of it, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, f"{glob.escape(path.name)}.*")
    with draft_of(path) as draft:
        draft.write_bytes(content)
        os.replace(draft, path)
    return path
