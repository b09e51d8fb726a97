"""Compare two nested settings field by field (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return (dotted name, one value, the other) of each field that differs; None where it is absent."""
    flat_one, flat_other = _dotted(one), _dotted(other)
    pairs = ((key, flat_one.get(key), flat_other.get(key)) for key in sorted(flat_one | flat_other))
    return [found for found in pairs if found[1] != found[2]]


def _dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
