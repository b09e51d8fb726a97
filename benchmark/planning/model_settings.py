"""From a suite's words to a model's configuration (no torch)."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from benchmark.errors import shown, unknown_name
from benchmark.families.contract import stage_names
from pcvq2.trainer.settings import override

if TYPE_CHECKING:
    from benchmark.data import Dataset
    from benchmark.planning.suite import EntryModel, Suite, TrainingSettings
    from benchmark.planning.yaml_file import Location


def model_config(suite: Suite, index: int, dataset: Dataset) -> Any:
    """Build the model's configuration: preset, then the suite's changes, then the strategy entry's.

    Raises UserError.
    """
    settings, family = suite.settings, suite.family
    entry = settings.strategies[index]
    name = entry.model.preset or settings.model.preset or family.presets[0]
    layers: list[tuple[Location, EntryModel, TrainingSettings]] = [
        ((), settings.model, settings.training),
        (("strategies", index), entry.model, entry.training),
    ]
    try:
        config: Any = family.preset(name, size=dataset.size, channels=dataset.channels)
    except ValueError as error:
        raise suite.error(
            ("datasets",), str(error), f"preset '{name}' does not fit this image size"
        ) from error
    for prefix, model, training in layers:
        parts = {("model", part): (part, model.changes.get(part, {})) for part in family.parts}
        parts |= {
            ("training", stage): (f"{stage}_stage", training.changes.get(stage, {}))
            for stage in stage_names(family)
        }
        for key, (part, values) in parts.items():
            for field_name, value in values.items():
                location = (*prefix, *key, field_name)
                config = _changed(suite, location, config, (part, field_name, value))
        if training.selection is not None:
            config = replace(config, selection=training.selection)
    return config


def _changed(suite: Suite, location: Location, config: Any, change: tuple[str, str, Any]) -> Any:
    """Return a configuration with one field changed. Raises UserError at the line of the field."""
    part, name, value = change
    current = getattr(config, part)
    known = [field.name for field in fields(current)]
    group = ".".join(str(word) for word in location[-3:-1])
    if name not in known:
        raise suite.error(location, *unknown_name(f"key of {group}", name, known))
    try:
        return override(config, part, {name: value})
    except (ValueError, TypeError) as error:
        usual = f"the preset has {getattr(current, name)}"
        said = shown(str(error), 300, quote=False)
        raise suite.error(location, f"{group}.{name}: {said}", usual) from error
