"""From a suite's words to its augmentation space (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark.errors import shown, unknown_name
from strategies.augmentation.catalogue import OPERATIONS
from strategies.augmentation.named_spaces import NAMED_SPACES
from strategies.augmentation.space import SETTINGS, AugmentationSpace

if TYPE_CHECKING:
    from benchmark.planning.suite import Suite
    from benchmark.planning.yaml_file import Location


def resolve_space(suite: Suite) -> AugmentationSpace:
    """Return the numbers of a suite's space: a name, a mapping, or a mapping that changes a name's numbers.

    Raises UserError.
    """
    written = suite.settings.augmentation_space
    if isinstance(written, str):
        return _named(suite, written, ("augmentation_space",))
    values: dict[str, Any] = dict(written)
    base = AugmentationSpace()
    if "from" in values:
        base = _named(suite, str(values.pop("from")), ("augmentation_space", "from"))
    settings = {key: values.pop(key) for key in SETTINGS if key in values}
    for key, value in settings.items():
        if value not in SETTINGS[key]:
            raise suite.error(
                ("augmentation_space", key), *unknown_name(key, _as_written(value), SETTINGS[key])
            )
    for key, value in values.items():
        _check_range(suite, key, value)
    ranges = {**base.ranges, **{key: float(value) for key, value in values.items()}}
    _check_used(suite, settings, ranges)
    try:
        return replace(base, ranges=ranges, **settings)
    except ValueError as error:
        place = next((key for key in values if str(error).startswith(f"{key}:")), "factors")
        raise suite.error(("augmentation_space", place), str(error), "`bench list operations`") from error


def _named(suite: Suite, name: str, location: Location) -> AugmentationSpace:
    if name not in NAMED_SPACES:
        raise suite.error(location, *unknown_name("augmentation space", name, NAMED_SPACES))
    return NAMED_SPACES[name]


def _as_written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_used(suite: Suite, settings: Mapping[str, object], ranges: Mapping[str, float]) -> None:
    """Refuse a setting that changes nothing of this space."""
    served = {
        "contrast_about": [name for name in OPERATIONS if name == "contrast"],
        "factors": [name for name, operation in OPERATIONS.items() if operation.kind == "factor"],
    }
    for key in settings:
        if key in served and not set(served[key]) & ranges.keys():
            raise suite.error(
                ("augmentation_space", key),
                f"{key} is set, but the space holds no operation it is about",
                f"it is about {', '.join(served[key])}: add one, or leave it out",
            )


def _check_range(suite: Suite, name: str, value: Any) -> None:
    location = ("augmentation_space", name)
    if name not in OPERATIONS:
        raise suite.error(location, *unknown_name("operation", name, [*OPERATIONS, *SETTINGS, "from"]))
    operation = OPERATIONS[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise suite.error(location, f"{name} is {shown(value)}", f"a number is expected: {operation.unit}")
    if 0 <= value <= operation.limit:
        return
    hint = f"{operation.unit}"
    if 1 < value <= 100 and operation.limit <= 1:
        hint += f"; {value:g} % is written {value / 100:g}"
    raise suite.error(location, f"{name}: {value:g} is outside [0, {operation.limit:g}]", hint)
