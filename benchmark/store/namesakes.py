"""Two suites of one name: what one leaves under that name is not replaced by the other's without a word."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import UserError


def refuse_namesake(kept: Path, suite: str, file: Path, is_same: Callable[[Mapping[str, Any]], bool]) -> None:
    """Raise UserError where `kept` is of another suite of that name.

    A suite that was edited, moved or copied is the same one: the file that `kept` names is this one, or is
    gone, or has the same trials (`is_same`, asked with what is kept).
    """
    try:
        known = json.loads(kept.read_bytes())
        other, same = Path(known.get("file") or known["source"]), is_same(known)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or nothing to lose
        return
    if not other.is_file() or other.samefile(file) or same:
        return
    raise UserError(
        f"{file}: another suite called '{suite}' was run here: {other.resolve()} ({kept})",
        "give one of the files another name, which changes no trial, or use other --runs",
    )
