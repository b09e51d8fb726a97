"""From a suite to its trials: all is resolved, checked and hashed before any training (no torch)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmark.data.dataset import Dataset, DatasetSpec, load_dataset
from benchmark.data.own_source import hash_of_source, own_full
from benchmark.data.paths import full_path
from benchmark.errors import MissingData, Problems, UserError
from benchmark.metrics.extractors import EXTRACTORS
from benchmark.metrics.names import LEAST_HELDOUT, METRICS
from benchmark.metrics.own_metric import OwnMetric, find_metric
from benchmark.own import EXTRACTOR_POINTS, Own, find_own
from benchmark.planning.augmentation_space import resolve_space
from benchmark.planning.model_settings import model_config
from benchmark.planning.strategy_choice import StrategyChoice, choose_strategy
from benchmark.planning.trial import Trial
from strategies.contract.answers import condition_size_of, said, validation_share_of
from strategies.contract.plugin import split_name

if TYPE_CHECKING:
    from benchmark.planning.suite import DatasetEntry, Suite
    from strategies import AugmentationSpace

DEFAULT_VALIDATION_SHARE = 0.2  # where the selection needs validation images and the suite names no share


StandIn = Callable[["Suite", "DatasetEntry"], Dataset]


def plan_trials(suite: Suite, stand_in: StandIn | None = None) -> list[Trial]:
    """Resolve every trial of a suite. Raises UserError for whatever would fail later.

    `stand_in` gives what to plan with for images that are not here, where only costs are asked for.

    Strategies vary slowest: the first trials are of different (dataset, budget, seed), so two workers do not
    wait for one shared auto-encoder.
    """
    settings, problems = suite.settings, Problems()
    space = resolve_space(suite)
    choices: list[StrategyChoice] = []
    for index, entry in enumerate(settings.strategies):
        with problems.noting():
            choices.append(choose_strategy(suite, index, entry, space))
    datasets: list[tuple[Dataset, DatasetSpec]] = []
    for index, source in enumerate(settings.datasets):
        with problems.noting():
            datasets.append(_dataset(suite, index, source, stand_in))
    with problems.noting():
        _own_metrics(suite)
    _check_budgets(suite, [dataset for dataset, _ in datasets], problems)
    _check_heldout(suite, [dataset for dataset, _ in datasets], space, problems)
    problems.stop_if_any()
    trials: list[Trial] = []
    for index, choice in enumerate(choices):
        for dataset, spec in datasets:
            with problems.noting():
                trials += _cell(suite, index, choice, space, (dataset, spec))
    problems.stop_if_any()
    return trials


def _check_budgets(suite: Suite, datasets: list[Dataset], problems: Problems) -> None:
    for index, budget in enumerate(suite.settings.budgets):
        for dataset in datasets:
            with problems.noting():
                if budget <= len(dataset.train):
                    continue
                raise suite.error(
                    ("budgets", index),
                    f"budget {budget} is larger than dataset '{dataset.name}'",
                    f"its training pool holds {len(dataset.train)} images "
                    f"({len(dataset.heldout)} more are held out)",
                )


def _check_heldout(
    suite: Suite, datasets: list[Dataset], space: AugmentationSpace, problems: Problems
) -> None:
    """Refuse fewer held-out images than a metric needs; what else lacks images is null, with the reason."""
    names = [entry.name for entry in suite.settings.datasets]
    asked = {metric for metric in suite.settings.evaluation.metrics if metric != "leakage" or space.ranges}
    needs = {"any score": 2} | {metric: n for metric, n in LEAST_HELDOUT.items() if metric in asked}
    for dataset in datasets:
        count = len(dataset.heldout)
        metric = next((metric for metric, least in needs.items() if count < least), None)
        if metric is None:
            continue
        with problems.noting():
            raise suite.error(
                ("datasets", names.index(dataset.name), "heldout"),
                f"'{dataset.name}': {count} images are held out, {metric} needs {needs[metric]}",
                f"hold out {needs[metric]} or more"
                + (f", or leave {metric} out of `evaluation: metrics`" if metric in asked else ""),
            )


def _cell(
    suite: Suite,
    index: int,
    choice: StrategyChoice,
    space: AugmentationSpace,
    source: tuple[Dataset, DatasetSpec],
) -> list[Trial]:
    """Resolve the trials of one strategy on one dataset."""
    settings, (dataset, spec) = suite.settings, source
    evaluation = settings.evaluation
    extractor, own_metrics = _extractor(suite), _own_metrics(suite)
    config = _told(suite, index, model_config(suite, index, dataset), choice, space)
    return [
        Trial(
            dataset=spec,
            fingerprint=dataset.fingerprint,
            budget=budget,
            seed=seed,
            strategy=choice,
            validation_images=validation_images,
            space=space,
            model=config,
            family_code=suite.family_code,
            extractor=extractor,
            samples=min(evaluation.samples or len(dataset.heldout), len(dataset.heldout)),
            metrics=tuple(metric for metric in evaluation.metrics if metric in METRICS),
            own_metrics=own_metrics,
            initialisation=initialisation,
            samplings=settings.repeats.samplings,
            heldout_images=len(dataset.heldout),
            pool_images=len(dataset.train),
        )
        for budget in settings.budgets
        for validation_images in [_validation_images(suite, index, choice, config, budget)]
        for initialisation in range(settings.repeats.initialisations)
        for seed in settings.seeds
    ]


def _extractor(suite: Suite) -> str | Own:
    """Return the extractor's name, or the one of the user's own that it stands for."""
    name = suite.settings.evaluation.extractor
    if name in EXTRACTORS:
        return name
    try:
        return find_own(name, EXTRACTOR_POINTS, suite.file.path.parent) or name
    except Exception as error:  # no such file; a package may raise anything at import
        why = str(error) if isinstance(error, OSError) else said(error)
        raise suite.error(
            ("evaluation", "extractor"),
            f"extractor '{name}': {why}",
            "paths are relative to the suite's file: ./mine.py:MyFeatures",
        ) from error


def _own_metrics(suite: Suite) -> tuple[OwnMetric, ...]:
    """Return the metrics of the user's own that a suite names. Raises UserError."""
    found: dict[str, OwnMetric] = {}
    for index, text in enumerate(suite.settings.evaluation.metrics):
        if text in METRICS:
            continue
        place = ("evaluation", "metrics", index)
        try:
            metric = find_metric(text, suite.file.path.parent)
        except UserError as error:
            raise suite.error(place, error.message, error.hint) from error
        if metric.name in found:
            raise suite.error(
                place, f"two metrics are called '{metric.name}'", "it is their key in records: rename one"
            )
        found[metric.name] = metric
    return tuple(found.values())


def _told(suite: Suite, index: int, config: Any, choice: StrategyChoice, space: AugmentationSpace) -> Any:
    """Give the model as many condition inputs as the strategy tells it numbers."""
    strategy = choice.make()
    size = condition_size_of(strategy, space)
    for stage in suite.family.stages if size else ():
        hears = stage.learns != "representation" or strategy.conditions_decoder
        if hears and stage.name in choice.stages:
            try:
                config = suite.family.told(config, stage.name, size)
            except ValueError as error:
                hint = f"strategy '{choice.label}' tells the model {size} numbers about each view"
                raise suite.error(("strategies", index), str(error), hint) from error
    return config


def _validation_images(suite: Suite, index: int, choice: StrategyChoice, config: Any, budget: int) -> int:
    """Count the images of the budget that a strategy or the selection of weights looks at."""
    share = validation_share_of(choice.make())
    if config.selection == "best_validation":
        own, common = suite.settings.strategies[index].training, suite.settings.training
        share = max(share, own.validation_share or common.validation_share or DEFAULT_VALIDATION_SHARE)
    count = round(share * budget)
    if share and not 1 <= count < budget:
        raise suite.error(
            ("strategies", index),
            f"budget {budget} leaves {count} validation images to '{choice.label}'",
            f"its validation share is {share}: both sides need at least one image",
        )
    return count


def _dataset(
    suite: Suite, index: int, entry: DatasetEntry, stand_in: StandIn | None
) -> tuple[Dataset, DatasetSpec]:
    try:
        source = _full_source(suite, entry.source)
        about = {"source": source, "source_hash": hash_of_source(source)}
        spec = DatasetSpec(**{**entry.model_dump(), **about})
        return (load_dataset(spec) if stand_in is None else load_dataset(spec, download=False)), spec
    except UserError as error:
        if stand_in is not None and isinstance(error, MissingData):
            return stand_in(suite, entry), spec
        raise suite.error(("datasets", index), error.message, error.hint) from error


def _full_source(suite: Suite, source: str) -> str:
    """Make a source's path absolute; it is relative to the suite's file."""
    if split_name(source) is not None:
        return own_full(source, suite.file.path.parent)
    kind, _, place = source.partition(":")
    if not place:
        return source
    path = full_path(place, suite.file.path.parent)
    return source if kind == "hf" and not os.path.exists(path) else f"{kind}:{path}"
