"""Write files whole or not at all."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

_LONGEST = 100  # characters of a name


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Return name -> part of a file name: short, safe anywhere, distinct where names differ at all."""
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_LONGEST].strip("-.") or "dataset"
        numbered = (stem if i == 1 else f"{stem}-{i}" for i in itertools.count(1))
        stems[name] = next(found for found in numbered if found.casefold() not in taken)
        taken.add(stems[name].casefold())  # some file systems do not tell case
    return stems


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that no reader sees half of it, and return its path."""
    from pcvq2.trainer.scratch import draft_of, sweep

    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, f"{glob.escape(path.name)}.*")
    with draft_of(path) as draft:
        draft.write_bytes(content)
        os.replace(draft, path)
    return path
