"""Which family a suite's models are of, and whether its stages, parts and presets are what a suite names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.errors import unknown_name
from benchmark.families.contract import Family, stage_names
from benchmark.families.registry import DEFAULT, FamilyCode, family_of, registered
from benchmark.planning.yaml_file import Location, YamlFile
from benchmark.tasks.registry import TASKS
from strategies.contract.answers import said
from strategies.contract.plugin import split_name

if TYPE_CHECKING:
    from benchmark.planning.suite import EntryModel, Suite, SuiteSettings, TrainingSettings


def choose_family(file: YamlFile, settings: SuiteSettings) -> FamilyCode:
    """Find the family that a suite names; a file's path is relative to the suite's. Raises UserError."""
    name, place = settings.model.family or DEFAULT, ("model", "family")
    if split_name(name) is None and name not in registered():
        raise file.error(place, *unknown_name("family", name, registered()))
    try:
        code = family_of(name, file.path.parent)
        task = code.load().task
    except (Exception, SystemExit) as error:  # a plugin's file may raise anything at import
        raise file.error(place, f"family '{name}' cannot be loaded", said(error)) from error
    if task not in TASKS:
        message, hint = unknown_name("task", task, TASKS)
        raise file.error(place, f"family '{name}': {message}", hint)
    return code


def check_family_words(suite: Suite) -> None:
    """Refuse presets, parts and stages that the suite's family does not have. Raises UserError."""
    family, settings = suite.family, suite.settings
    _check_layer(suite, family, (), settings.model, settings.training)
    for index, entry in enumerate(settings.strategies):
        place: Location = ("strategies", index)
        _check_layer(suite, family, place, entry.model, entry.training)
        for position, stage in enumerate(entry.stages or ()):
            if stage not in stage_names(family):
                kind = f"stage of family '{family.name}'"
                raise suite.error(
                    (*place, "stages", position), *unknown_name(kind, stage, stage_names(family))
                )


def _check_layer(
    suite: Suite, family: Family, prefix: Location, model: EntryModel, training: TrainingSettings
) -> None:
    if model.preset is not None and model.preset not in family.presets:
        location = (*prefix, "model", "preset")
        raise suite.error(location, *unknown_name("preset", model.preset, family.presets))
    for group, block, known in (
        ("model", model, family.parts),
        ("training", training, stage_names(family)),
    ):
        for key in block.changes:
            if key not in known:
                names = sorted([*known, *type(block).model_fields])
                raise suite.error((*prefix, group, key), *unknown_name("key", key, names))
