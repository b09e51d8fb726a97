"""From a suite's words to its augmentation space (no torch)."""

from __future__ import annotations

from typing import Any

from benchmark.errors import shown, unknown_name
from benchmark.suite import Suite
from benchmark.yaml_file import Location
from strategies import OPERATIONS, AugmentationSpace
from strategies.catalogue import PADDINGS
from strategies.spaces import NAMED_SPACES


def resolve_space(suite: Suite) -> AugmentationSpace:
    """Return the numbers of a suite's space: a name, a mapping, or a mapping that changes a name's numbers.

    Raises UserError.
    """
    written = suite.settings.augmentation_space
    if isinstance(written, str):
        return AugmentationSpace(_named(suite, written, ("augmentation_space",)))
    values: dict[str, Any] = dict(written)
    ranges: dict[str, float] = {}
    if "from" in values:
        ranges = _named(suite, str(values.pop("from")), ("augmentation_space", "from"))
    padding = values.pop("padding", "reflection")
    if padding not in PADDINGS:
        raise suite.error(("augmentation_space", "padding"), *unknown_name("padding", str(padding), PADDINGS))
    for name, value in values.items():
        _check_range(suite, name, value)
    return AugmentationSpace(ranges | {k: float(v) for k, v in values.items()}, padding)


def _named(suite: Suite, name: str, location: Location) -> dict[str, float]:
    if name not in NAMED_SPACES:
        raise suite.error(location, *unknown_name("augmentation space", name, NAMED_SPACES))
    return dict(NAMED_SPACES[name])


def _check_range(suite: Suite, name: str, value: Any) -> None:
    location = ("augmentation_space", name)
    if name not in OPERATIONS:
        raise suite.error(location, *unknown_name("operation", name, [*OPERATIONS, "padding", "from"]))
    operation = OPERATIONS[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise suite.error(location, f"{name} is {shown(value)}", f"a number is expected: {operation.unit}")
    if 0 <= value <= operation.limit:
        return
    hint = f"{operation.unit}"
    if 1 < value <= 100 and operation.limit <= 1:
        hint += f"; {value:g} % is written {value / 100:g}"
    raise suite.error(location, f"{name}: {value:g} is outside [0, {operation.limit:g}]", hint)
