"""From a suite's words to a model's configuration (no torch)."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from benchmark.errors import shown, unknown_name
from benchmark.planning.values import DEFAULT_PRESET
from pcvq2.config import PCVQ2Config, override, preset

if TYPE_CHECKING:
    from benchmark.data import Dataset
    from benchmark.planning.suite import Suite
    from benchmark.planning.yaml_file import Location


def model_config(suite: Suite, index: int, dataset: Dataset) -> PCVQ2Config:
    """Build the model's configuration: preset, then the suite's changes, then the strategy entry's.

    Raises UserError.
    """
    settings = suite.settings
    entry = settings.strategies[index]
    name = entry.model.preset or settings.model.preset or DEFAULT_PRESET
    layers: list[tuple[Location, Any, Any]] = [
        ((), settings.model, settings.training),
        (("strategies", index), entry.model, entry.training),
    ]
    try:
        config = preset(name, size=dataset.size, channels=dataset.channels)
    except ValueError as error:
        raise suite.error(
            ("datasets",), str(error), f"preset '{name}' does not fit this image size"
        ) from error
    for prefix, model, training in layers:
        for group, key, part, values in (
            ("model", "vqvae", "vqvae", model.vqvae),
            ("model", "prior", "prior", model.prior),
            ("training", "codes", "codes_stage", training.codes),
            ("training", "prior", "prior_stage", training.prior),
        ):
            for field_name, value in values.items():
                location = (*prefix, group, key, field_name)
                config = _changed(suite, location, config, (part, field_name, value))
        if training.selection is not None:
            config = replace(config, selection=training.selection)
    return config


def _changed(
    suite: Suite, location: Location, config: PCVQ2Config, change: tuple[str, str, Any]
) -> PCVQ2Config:
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
