"""Write a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from pcvq2.trainer.scratch import draft_of


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_of(path) as draft:
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
