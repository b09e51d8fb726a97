"""What `bench tune` is going to do: whose parameters, on which images, which trials (no torch, no Ray).

The score is the headline of the family's task on validation images out of the budget: bits per dimension.
A strategy or a selection of weights that looks at validation images itself (`adaptive`, `best_validation`)
looks at these very images.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any

from benchmark.errors import UserError, unknown_name
from benchmark.planning.plan import DEFAULT_VALIDATION_SHARE, plan_trials
from benchmark.planning.strategy_choice import found_code
from benchmark.planning.suite import Evaluation, Repeats, StrategyEntry, Suite
from benchmark.planning.trial import Trial
from benchmark.tuning.search import Tuning, dropout_name
from strategies import Uniform
from strategies.checks import StrategyError, check_tunable
from strategies.contract.declared import start_values, tunable_of
from strategies.contract.tunable import Tunable, Value

_FIRST_SEED = 1000  # suites count their own from 0
_FEWEST_TRIALS = 2  # the first is the defaults
# two samples, no metrics: a record is an ordinary one, but nothing of it is scored on held-out features
_EVALUATION = Evaluation(samples=2, extractor="pixels", metrics=())


@dataclass(frozen=True)
class Wish:
    """What the user asked of `bench tune`."""

    strategy: str
    trials: int = 10
    seeds: int = 1
    budget: int | None = None
    dataset: str | None = None
    at_once: int = 1


def plan_tuning(suite: Suite, wish: Wish) -> Tuning:
    """Resolve what the user asked for. Raises UserError."""
    _check_counts(wish)
    budget, dataset = _budget(suite, wish.budget), _dataset(suite, wish.dataset)
    index = _index(suite, wish.strategy)
    plan_trials(suite)  # what is wrong with the suite is said first
    tunable = _declared(suite, index)
    raw = suite.file.values["strategies"][index]
    raw = {"name": raw} if isinstance(raw, str) else raw
    seeds = tuple(
        itertools.islice(
            (s for s in itertools.count(_FIRST_SEED) if s not in suite.settings.seeds), wish.seeds
        )
    )
    entry = {name: value for name, value in raw.items() if name not in _written(suite, index, tunable)}
    planned = plan_trials(_with_entry(suite, index, entry, seeds))
    wanted = (wish.strategy, dataset, budget)
    template = next(t for t in planned if (t.strategy.label, t.dataset.name, t.budget) == wanted)
    shown = max(template.validation_images, round(DEFAULT_VALIDATION_SHARE * budget), 1)
    if shown >= budget:
        raise UserError(f"--budget {budget}: too small to set validation images aside", "take a larger one")
    template = dataclasses.replace(template, validation_images=shown)
    return Tuning(suite.name, entry, template, tunable, _starts(template), seeds, wish.trials, wish.at_once)


def own_settings(suite: Suite, tuning: Tuning) -> list[str]:
    """Name parameters that the suite's entry sets and tuning passes over: it starts at the defaults."""
    raw = suite.file.values["strategies"][_index(suite, tuning.label)]
    return [] if isinstance(raw, str) else [name for name in raw if name not in tuning.entry]


def _check_counts(wish: Wish) -> None:
    for name, got, least, why in (
        ("--trials", wish.trials, _FEWEST_TRIALS, "the first is always the strategy's defaults"),
        ("--seeds", wish.seeds, 1, "each setting is tried with every tuning seed"),
        ("--max-concurrent", wish.at_once, 1, "settings tried at once"),
    ):
        if got < least:
            raise UserError(f"{name} {got}: must be at least {least}", why)


def _budget(suite: Suite, wanted: int | None) -> int:
    budgets = sorted(suite.settings.budgets)
    if wanted is None:
        return budgets[(len(budgets) - 1) // 2]
    if wanted not in budgets:
        known = ", ".join(map(str, budgets))
        raise UserError(f"--budget {wanted} is not one of {suite.file.path}", f"Its budgets: {known}")
    return wanted


def _dataset(suite: Suite, wanted: str | None) -> str:
    names = [dataset.name for dataset in suite.settings.datasets]
    if wanted is not None and wanted not in names:
        raise UserError(*unknown_name(f"{suite.file.path}: --dataset", wanted, names))
    return wanted or names[0]


def _index(suite: Suite, strategy: str) -> int:
    labels = [entry.shown for entry in suite.settings.strategies]
    if strategy not in labels:
        raise suite.error(("strategies",), *unknown_name("strategy", strategy, labels))
    return labels.index(strategy)


def _declared(suite: Suite, index: int) -> Tunable:
    """Return what may be tuned of an entry; of `none`, which has no parameters, the model's dropout."""
    entry, place = suite.settings.strategies[index], ("strategies", index)
    code = found_code(suite, index, entry.name)
    if code.is_none:
        dropout = dropout_name(suite.family)
        if not dropout:
            raise suite.error(
                place,
                f"strategy '{entry.shown}' has nothing to tune",
                f"models of family '{suite.family.name}' have no dropout, which is what it could turn",
            )
        return {dropout: Uniform(0.0, 0.7)}
    strategy = code.load()
    tunable = tunable_of(strategy)
    if not tunable:
        raise suite.error(
            place,
            f"strategy '{entry.shown}' declares nothing to tune",
            f'add to class {strategy.__name__}: tunable = {{"PARAMETER": Uniform(low, high)}} '
            "(from strategies import Uniform, Choice)",
        )
    try:
        check_tunable(strategy)
    except StrategyError as error:
        raise suite.error(place, f"strategy '{entry.shown}' cannot be tuned", str(error)) from error
    return tunable


def _written(suite: Suite, index: int, tunable: Tunable) -> set[str]:
    """Name the entry's keys that tuning writes, and the note of an earlier tuning."""
    if dropout_name(suite.family) in tunable:
        return {"tuning"}
    strategy = found_code(suite, index, suite.settings.strategies[index].name).load()
    return {"tuning", *strategy.from_tuned(start_values(strategy))}


def _starts(template: Trial) -> dict[str, Value]:
    family = template.family
    if template.strategy.code.is_none and family.dropout is not None:
        return {dropout_name(family): getattr(template.model, family.dropout).dropout}
    return start_values(template.strategy.code.load())


def _with_entry(suite: Suite, index: int, entry: dict[str, Any], seeds: tuple[int, ...]) -> Suite:
    """Return the suite with an entry in place of its own, tuning's seeds and the cheapest evaluation."""
    entries = list(suite.settings.strategies)
    entries[index] = StrategyEntry.model_validate(entry)
    changes = {"strategies": entries, "seeds": list(seeds), "evaluation": _EVALUATION, "repeats": Repeats()}
    return dataclasses.replace(suite, settings=suite.settings.model_copy(update=changes))
