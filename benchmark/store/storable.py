"""What a record may hold: plain JSON values and text that any terminal and file can bear (no torch)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from strategies.contract.answers import plain, shown


def legible(text: str, most: int) -> str:
    """Return text without lone surrogates, its middle left out where it is longer than `most` characters."""
    if len(text) > most:
        half = most // 2
        text = f"{text[:half]}\n[{len(text) - 2 * half:,} characters left out]\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def storable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as JSON holds it: a number that is not finite is null, beside its reason.

    What is no JSON value is refused in the record of a finished trial and shown as text in a failure's, which
    must be written whatever it holds. Raises ValueError.
    """
    failed = record.get("status") != "done"
    found: dict[str, Any] = {}
    for key, value in record.items():
        lost: list[str] = []
        found[key] = _stored(value, key, lost, failed)
        if lost and not str(key).endswith("_null_reason"):
            found.setdefault(f"{key}_null_reason", f"not finite: {', '.join(lost[:3])}")
    return found


def _stored(value: Any, what: str, lost: list[str], failed: bool) -> Any:
    """Return a value, or null and a word in `lost` where it is no finite number."""
    if isinstance(value, float) and not math.isfinite(value):
        lost.append(f"{what} is {float(value)}")
        return None
    if isinstance(value, Mapping):
        return {str(k): _stored(v, f"{what}.{k}", lost, failed) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(part, f"{what}[{i}]", lost, failed) for i, part in enumerate(value)]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return _stored(value.item(), what, lost, failed)
    try:
        return plain(value, what)
    except ValueError:
        if failed:
            return legible(shown(value), 1000)
        raise
