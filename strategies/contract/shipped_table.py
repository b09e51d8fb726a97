"""Print the table of shipped strategies anew: `python -m strategies.contract.shipped_table`."""

from __future__ import annotations

import json

from strategies.contract.registry import builtin_strategies
from strategies.contract.shipped import meaning, place_of


def table() -> dict[str, str]:
    """Return the table as the classes at hand have it."""
    classes = {c for found in builtin_strategies().values() for c in found.__mro__[:-1]}
    return {place_of(c): meaning(c) for c in sorted(classes, key=place_of)}


if __name__ == "__main__":
    print(json.dumps(table(), indent=4))
