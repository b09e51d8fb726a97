"""From a suite's words to a model's configuration (no torch)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmark.data import Dataset
from benchmark.suite import Suite
from benchmark.yaml_file import Location
from pcvq2.config import PCVQ2Config, override, preset


def model_config(suite: Suite, index: int, dataset: Dataset) -> PCVQ2Config:
    """Build the model's configuration: preset, then the suite's changes, then the strategy entry's.

    Raises UserError.
    """
    settings = suite.settings
    entry = settings.strategies[index]
    name = entry.model.preset or settings.model.preset
    layers: list[tuple[Location, Any, Any]] = [
        ((), settings.model, settings.training),
        (("strategies", index), entry.model, entry.training),
    ]
    try:
        config = preset(str(name), size=dataset.size, channels=dataset.channels)
    except KeyError as error:
        raise suite.error(("strategies", index), str(error.args[0]), "see README, section Models") from error
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
            try:
                config = override(config, part, values)
            except (KeyError, ValueError, TypeError) as error:
                message = str(error.args[0] if error.args else error)
                raise suite.error(
                    (*prefix, group, key, *list(values)[:1]),
                    f"{group}.{key}: {message}",
                    "see pcvq2/config.py",
                ) from error
        if training.selection is not None:
            config = replace(config, selection=training.selection)
    return config
