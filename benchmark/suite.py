"""A suite: a question written as YAML, and every message about what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from benchmark.data.names import NAMED_SOURCES
from benchmark.errors import UserError, is_one_line, unknown_name
from benchmark.metrics.extractors import EXTRACTORS
from benchmark.metrics.names import METRICS, NOT_OF_SAMPLES
from benchmark.naming import place_name, suite_name
from benchmark.yaml_file import Location, YamlFile, read_yaml
from pcvq2.config import PRESETS
from strategies.plugin import shown_name, split_name


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


class DatasetEntry(_Part):
    """Name a dataset; see benchmark.data.DatasetSpec."""

    name: str = Field(min_length=1)
    source: str
    size: int | None = Field(default=None, ge=8, le=1024)
    heldout: int | None = Field(default=None, ge=2)
    channels: Literal[1, 3] | None = None
    resize: str | None = None
    classes: tuple[str, ...] | None = Field(default=None, min_length=1)
    images: int | None = Field(default=None, ge=4)

    @model_validator(mode="before")
    @classmethod
    def _default_source(cls, value: Any) -> Any:
        """Let the name of a source that needs no path stand for it."""
        if isinstance(value, dict) and "source" not in value and value.get("name") in NAMED_SOURCES:
            return {**value, "source": value["name"]}
        return value


class ModelSettings(_Part):
    """Pick a preset and change fields of its parts."""

    preset: str | None = None
    vqvae: dict[str, Any] = {}
    prior: dict[str, Any] = {}


class TrainingSettings(_Part):
    """Change how the stages are optimised, and which weights are kept."""

    codes: dict[str, Any] = {}
    prior: dict[str, Any] = {}
    selection: Literal["last", "best_validation"] | None = None
    validation_share: float | None = Field(default=None, gt=0, lt=1)


class TuningNote(_Part):
    """Say how a strategy's parameters were chosen: for the report, and no part of any trial."""

    trials: int = Field(ge=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    budget: int = Field(ge=2)
    dataset: str = Field(min_length=1)


class StrategyEntry(BaseModel):
    """Name a strategy; keys that are not listed here are its parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    label: str = ""
    stages: tuple[Literal["codes", "prior"], ...] = Field(default=("codes", "prior"), min_length=1)
    model: ModelSettings = ModelSettings()
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

    samples: int | None = Field(default=None, ge=2)  # None: as many as there are held-out images
    extractor: str = "random"
    metrics: tuple[str, ...] = tuple(METRICS)


class Repeats(_Part):
    """Repeat every (dataset, budget, strategy, seed), so that a report can tell where scatter comes from.

    initialisations: trainings on the same images, with other initial weights, batches, views and dropout.
    samplings: sets of samples drawn from each trained model.
    """

    initialisations: int = Field(default=1, ge=1, strict=True)
    samplings: int = Field(default=1, ge=1, strict=True)


class Resources(_Part):
    """Share of the machine one trial takes, and how often it writes a checkpoint."""

    cpus: int = Field(default=1, ge=1)
    gpus: float = Field(default=0, ge=0)
    checkpoint_seconds: float = Field(default=60, ge=0)


class SuiteSettings(_Part):
    """The whole file."""

    title: str = ""
    datasets: list[Annotated[DatasetEntry, BeforeValidator(_sourced)]] = Field(min_length=1)
    budgets: list[Annotated[int, Field(ge=2)]] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    repeats: Repeats = Repeats()
    strategies: list[Annotated[StrategyEntry, BeforeValidator(_named)]] = Field(min_length=1)
    baseline: str = "none"
    augmentation_space: dict[str, Any] | str = {}
    model: ModelSettings = ModelSettings(preset="tiny")
    training: TrainingSettings = TrainingSettings()
    evaluation: Evaluation = Evaluation()
    resources: Resources = Resources()


@dataclass(frozen=True)
class Suite:
    """A validated suite and the file it came from."""

    name: str
    file: YamlFile
    settings: SuiteSettings

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
    suite = Suite(suite_name(path), file, settings)
    _check_names(suite)
    return suite


def _check_names(suite: Suite) -> None:
    settings = suite.settings
    labels = [entry.shown for entry in settings.strategies]
    if not is_one_line(suite.name):
        raise UserError(f"{str(suite.file.path)!a}: this name cannot be printed", "rename the file")
    for key, names in (
        ("strategies", labels),
        ("datasets", [d.name for d in settings.datasets]),
        ("budgets", [str(b) for b in settings.budgets]),
        ("seeds", [str(s) for s in settings.seeds]),
    ):
        for index, name in enumerate(names):
            if not is_one_line(name):
                hint = "leave out line breaks, control characters and halves of surrogate pairs"
                raise suite.error((key, index), f"{key}: {name!a} cannot be printed", hint)
            if name in names[:index]:
                hint = "give one of them a `label`" if key == "strategies" else "each may stand once"
                raise suite.error((key, index), f"{key}: '{name}' stands twice", hint)
    if settings.baseline not in labels:
        message, hint = unknown_name("baseline", settings.baseline, labels)
        if "baseline" not in settings.model_fields_set:
            message = f"no strategy is called '{settings.baseline}', and no `baseline` is named"
        raise suite.error(("baseline",), message, hint)
    if settings.model.preset not in PRESETS:
        raise suite.error(("model", "preset"), *unknown_name("preset", str(settings.model.preset), PRESETS))
    _check_tuning(suite)
    evaluation = settings.evaluation
    if evaluation.extractor not in EXTRACTORS and split_name(evaluation.extractor) is None:
        raise suite.error(
            ("evaluation", "extractor"), *unknown_name("extractor", evaluation.extractor, EXTRACTORS)
        )
    for index, metric in enumerate(evaluation.metrics):
        if metric not in METRICS:
            raise suite.error(("evaluation", "metrics", index), *unknown_name("metric", metric, METRICS))
    samplings = settings.repeats.samplings
    if samplings > 1 and NOT_OF_SAMPLES.issuperset(evaluation.metrics):
        raise suite.error(
            ("repeats", "samplings"),
            f"samplings: {samplings}, but `evaluation: metrics` names no score of samples",
            "name one, e.g. fid or kid, or leave out `samplings`",
        )


def _check_tuning(suite: Suite) -> None:
    """Refuse a strategy that was tuned on what the suite then compares it on."""
    for index, entry in enumerate(suite.settings.strategies):
        shared = set(entry.tuning.seeds if entry.tuning else ()) & set(suite.settings.seeds)
        if shared:
            raise suite.error(
                ("strategies", index, "tuning", "seeds"),
                f"'{entry.shown}' was tuned on seeds of the suite: {', '.join(map(str, sorted(shared)))}",
                "tune on seeds that the suite does not use: `bench tune` takes such",
            )


def _explain(file: YamlFile, error: ValidationError) -> UserError:
    """Turn pydantic's complaint into place, what, got, allowed; a misspelt key also reads as missing."""
    first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    location = first["loc"]
    named = ".".join(str(part) for part in location) or "the suite"
    if first["type"] == "extra_forbidden":
        known = _fields_at(location[:-1])
        return file.error(location, *unknown_name("key", str(location[-1]), known))
    if first["type"] == "missing":
        return file.error(location, f"'{location[-1]}' is missing", f"add `{location[-1]}:` ({named})")
    message = first["msg"].removeprefix("Value error, ")
    return file.error(location, f"{named} is {first['input']!r}", message)


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
