"""A suite: a question written as YAML, and every message about what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from benchmark.data.names import NAMED_SOURCES
from benchmark.errors import UserError, shown, unknown_name
from benchmark.families.contract import Family
from benchmark.families.registry import PC_VQ2, FamilyCode
from benchmark.metrics.names import METRICS
from benchmark.naming import place_name, suite_name
from benchmark.planning.family_choice import check_family_words, choose_family
from benchmark.planning.suite_checks import check_suite
from benchmark.planning.values import (
    FiniteNumber,
    Name,
    Source,
    Whole,
    allowed,
    as_one_line,
    as_whole,
)
from benchmark.planning.yaml_file import Location, YamlFile, read_yaml
from strategies.contract.plugin import shown_name


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _named(value: Any) -> Any:
    """Let a bare word stand for {name: word}."""
    return {"name": value} if isinstance(value, str) else value


def _sourced(value: Any) -> Any:
    """Let a bare source stand for {name: ..., source: ...}."""
    if isinstance(value, str):
        kind, _, place = value.partition(":")
        return {"name": place_name(place) or kind, "source": value}
    return value


def _spaced(value: Any) -> Any:
    """Take a space by its name or written out; its numbers are augmentation_space.py's to check."""
    if not isinstance(value, str | dict):
        raise PydanticCustomError("space", "a name or operations are expected, e.g. mild or {rotation: 10}")
    return value


class DatasetEntry(_Part):
    """Name a dataset; see benchmark.data.DatasetSpec."""

    name: Name
    source: Source
    size: Whole | None = Field(default=None, ge=8, le=1024)
    heldout: Whole | None = Field(default=None, ge=2)
    channels: Annotated[Literal[1, 3], BeforeValidator(as_whole)] | None = None
    resize: Name | None = None
    classes: tuple[Name, ...] | None = Field(default=None, min_length=1)
    images: Whole | None = Field(default=None, ge=4)

    @model_validator(mode="before")
    @classmethod
    def _default_source(cls, value: Any) -> Any:
        """Let the name of a source that needs no path stand for it."""
        if isinstance(value, dict) and "source" not in value and value.get("name") in NAMED_SOURCES:
            return {**value, "source": value["name"]}
        return value


class _OfFamily(BaseModel):
    """Take keys that a family names, each a mapping; family_choice.py says which there are."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, dict[str, Any]] = Field(init=False)

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """Return the fields that are changed, by part or stage."""
        return dict(self.__pydantic_extra__ or {})


class EntryModel(_OfFamily):
    """Pick a preset and change fields of its parts; where none is named it is the family's first."""

    preset: str | None = None


class ModelSettings(EntryModel):
    """Pick the family of all models, too: a registered one or `path.py:Class`."""

    family: Source | None = None


class TrainingSettings(_OfFamily):
    """Change how the stages are optimised, and which weights are kept."""

    selection: Literal["last", "best_validation"] | None = None
    validation_share: FiniteNumber | None = Field(default=None, gt=0, lt=1)


class TuningNote(_Part):
    """Say how a strategy's parameters were chosen: for the report, and no part of any trial."""

    trials: Whole = Field(ge=1)
    seeds: tuple[Annotated[Whole, Field(ge=0)], ...] = Field(min_length=1)
    budget: Whole = Field(ge=2)
    dataset: Name


class StrategyEntry(BaseModel):
    """Name a strategy; keys that are not listed here are its parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Source
    label: Annotated[str, Field(max_length=100), AfterValidator(as_one_line)] = ""
    stages: tuple[Name, ...] | None = Field(default=None, min_length=1)  # None: all of the family's
    model: EntryModel = EntryModel()
    training: TrainingSettings = TrainingSettings()
    tuning: TuningNote | None = None

    @property
    def shown(self) -> str:
        """Return the label the tables use."""
        return self.label or shown_name(self.name)

    @property
    def parameters(self) -> dict[str, Any]:
        """Return what goes to the strategy's constructor."""
        return dict(self.__pydantic_extra__ or {})


class Evaluation(_Part):
    """Say how a trained model is scored."""

    samples: Whole | None = Field(default=None, ge=2)  # None: as many as there are held-out images
    extractor: Source = "random"
    metrics: tuple[Source, ...] = tuple(METRICS)


class Repeats(_Part):
    """Repeat every (dataset, budget, strategy, seed), so that a report can tell where scatter comes from.

    initialisations: trainings on the same images, with other initial weights, batches, views and dropout.
    samplings: sets of samples drawn from each trained model.
    """

    initialisations: Whole = Field(default=1, ge=1)
    samplings: Whole = Field(default=1, ge=1, le=10_000)


class Resources(_Part):
    """Share of the machine one trial takes, and how often it writes a checkpoint."""

    cpus: Whole = Field(default=1, ge=1)
    gpus: FiniteNumber = Field(default=0, ge=0)
    checkpoint_seconds: FiniteNumber = Field(default=60, ge=0)


class SuiteSettings(_Part):
    """The whole file."""

    title: str = ""
    datasets: list[Annotated[DatasetEntry, BeforeValidator(_sourced)]] = Field(min_length=1)
    budgets: list[Annotated[Whole, Field(ge=2)]] = Field(min_length=1)
    seeds: list[Annotated[Whole, Field(ge=0)]] = Field(min_length=1)
    repeats: Repeats = Repeats()
    strategies: list[Annotated[StrategyEntry, BeforeValidator(_named)]] = Field(min_length=1)
    baseline: str = "none"
    augmentation_space: Annotated[dict[str, Any] | str, BeforeValidator(_spaced)] = {}
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: Evaluation = Evaluation()
    resources: Resources = Resources()


@dataclass(frozen=True)
class Suite:
    """A validated suite and the file it came from."""

    name: str
    file: YamlFile
    settings: SuiteSettings
    family_code: FamilyCode = PC_VQ2

    @property
    def family(self) -> Family:
        """Return the family of the suite's models."""
        return self.family_code.load()

    def error(self, location: Location, message: str, hint: str) -> UserError:
        """Build the two-line error for a location in the file."""
        return self.file.error(location, message, hint)


def load_suite(path: Path) -> Suite:
    """Read and validate a suite file. Raises UserError with file and line."""
    file = read_yaml(path)
    try:
        settings = SuiteSettings.model_validate(file.values)
    except ValidationError as error:
        raise _explain(file, error) from None
    suite = Suite(suite_name(path), file, settings, choose_family(file, settings))
    check_suite(suite)
    check_family_words(suite)
    return suite


def _explain(file: YamlFile, error: ValidationError) -> UserError:
    """Turn pydantic's complaint into place, what, got, allowed; a misspelt key also reads as missing."""
    first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    location = first["loc"]
    named = shown(".".join(str(part) for part in location), quote=False) or "the suite"
    if first["type"] == "extra_forbidden":
        known = _fields_at(location[:-1])
        return file.error(location, *unknown_name("key", str(location[-1]), known))
    if first["type"] == "missing":
        return file.error(location, f"'{location[-1]}' is missing", f"add `{location[-1]}:` ({named})")
    return file.error(location, f"{named} is {shown(first['input'])}", allowed(first))


def _fields_at(location: Location) -> list[str]:
    model: type[BaseModel] = SuiteSettings
    for part in location:
        nested = _PARTS.get(str(part))
        model = nested or model
    return sorted(model.model_fields)


_PARTS: dict[str, type[BaseModel]] = {
    "datasets": DatasetEntry,
    "strategies": StrategyEntry,
    "tuning": TuningNote,
    "model": ModelSettings,
    "training": TrainingSettings,
    "evaluation": Evaluation,
    "repeats": Repeats,
    "resources": Resources,
}
