"""One battery every strategy must pass, built in or third-party: `check_strategy(MyStrategy())`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from strategies.augmentation.space import AugmentationSpace
from strategies.contract.answers import (
    StrategyError,
    broken,
    condition_size_of,
    plain,
    probability_of,
    said,
    state_of,
    strengths_of,
    validation_share_of,
)
from strategies.contract.base import STAGES, Likelihoods, StepContext, Strategy
from strategies.contract.declared import start_values, tunable_of
from strategies.contract.view_rules import broken_rule

_SPACE = AugmentationSpace({"rotation": 30.0, "shift": 0.15, "scale": 0.2, "x_flip": 0.5})
_STEPS = 8


def _require(ok: bool, strategy: Strategy, rule: str) -> None:
    if not ok:
        raise broken(type(strategy), rule)


def check_strategy(make: Callable[[], Strategy], space: AugmentationSpace = _SPACE) -> None:
    """Run the battery on fresh instances from `make`. Raises StrategyError naming the rule broken.

    Views: right shape, type and range; input untouched; same seed same view; the global generator left
    alone; identity at strength 0. State: survives JSON and a round trip. What it declares as tunable: see
    check_tunable.
    """
    check_schedule(make(), space)
    check_tunable(type(make()), space)
    for channels in (1, 3):
        for stage in STAGES:
            for step in range(0, _STEPS, 3):
                _check_view(make, channels, StepContext(stage, step, _STEPS, 100 + step, space))
    _check_state(make, space)


def check_tunable(strategy: type[Strategy], space: AugmentationSpace = _SPACE) -> None:
    """Check what a class declares as tunable (no torch). Raises StrategyError.

    It becomes constructor parameters, starts at the defaults, both ends are accepted, and none of it changes
    how much the model is told. A class whose other parameters have no defaults is checked by name only.
    """
    tunable = tunable_of(strategy)
    if not tunable:
        return
    known = inspect.signature(strategy).parameters
    try:
        starts = start_values(strategy)
        tried = [{**starts, name: end} for name, domain in tunable.items() for end in domain.ends]
        parameters = [plain(strategy.from_tuned(v), "from_tuned()") for v in [starts, *tried]]
    except Exception as error:  # a plugin may raise anything
        raise broken(strategy, f"`tunable` declares what `from_tuned` takes: {said(error)}") from error
    for name, domain in tunable.items():
        if not domain.holds(starts[name]):
            raise broken(strategy, f"tunable {name} starts in its range ({domain}), not at {starts[name]!r}")
    unknown = {key for given in parameters for key in given} - known.keys()
    if unknown:
        raise broken(
            strategy, f"tunable become constructor parameters; unknown: {', '.join(sorted(unknown))}"
        )
    needed = {n for n, p in known.items() if p.default is p.empty}
    if needed <= parameters[0].keys():
        _check_ends(strategy, parameters, space)
    if not needed and not _alike(strategy(), strategy(**parameters[0]), space):
        raise broken(strategy, "tunable starts give the schedule of the defaults")


def _check_ends(strategy: type[Strategy], parameters: list[dict[str, Any]], space: AugmentationSpace) -> None:
    told = condition_size_of(strategy(**parameters[0]), space)
    for given in parameters:
        try:
            made = strategy(**given)
        except Exception as error:  # a plugin may raise anything
            raise broken(strategy, f"tunable ends are accepted; {given}: {said(error)}") from error
        check_schedule(made, space)
        if condition_size_of(made, space) != told:
            raise broken(strategy, f"tunable leaves condition_size as it is; {given} changes it")


def _alike(one: Strategy, other: Strategy, space: AugmentationSpace) -> bool:
    """Say whether two schedules agree to three digits."""
    for i in range(101):
        first, second = (strengths_of(s, i / 100, space) for s in (one, other))
        if any(abs(first[name] - second[name]) > 0.001 for name in first):
            return False
    return True


def check_schedule(strategy: Strategy, space: AugmentationSpace = _SPACE) -> None:
    """Check the numbers only (no torch): strengths and probabilities lie in [0, 1], the state is JSON.

    Raises StrategyError, also where a strategy's method raises; ValueErrors and NotImplementedErrors as they
    are: they are about its parameters.
    """
    _answering(strategy, "validation_share", partial(validation_share_of, strategy))
    _answering(strategy, "condition_size", partial(condition_size_of, strategy, space))
    for i in range(101):
        progress = i / 100
        place = f"at progress {progress:g}"
        _answering(strategy, f"strength {place}", partial(strengths_of, strategy, progress, space))
        _answering(strategy, f"probability {place}", partial(probability_of, strategy, progress))
    _answering(strategy, "state_dict", partial(state_of, strategy))


def _answering(strategy: Strategy, what: str, ask: Callable[[], Any]) -> Any:
    """Return an answer; what a strategy's method raises becomes a broken rule."""
    try:
        return ask()
    except (StrategyError, ValueError, NotImplementedError):
        raise
    except (Exception, SystemExit) as error:
        raise broken(type(strategy), f"{what} is answered; it raises {said(error)}") from error


def check_view(make: Callable[[], Strategy], channels: int, stage: str, space: AugmentationSpace) -> None:
    """Check one view of four 8x8 images, early in a stage: cheap enough to run before every suite."""
    _check_view(make, channels, StepContext(stage, 0, _STEPS, 100, space))


def _check_view(make: Callable[[], Strategy], channels: int, context: StepContext) -> None:
    import torch

    generator = torch.Generator().manual_seed(context.seed)
    images = torch.rand(4, channels, 8, 8, generator=generator)
    before, random_state, strategy = images.clone(), _random_states(), make()
    view = _answering(strategy, "augment", partial(strategy.augment, images, context))
    _require(torch.equal(images, before), strategy, "augment leaves its input untouched")
    _require(
        _random_states() == random_state,
        strategy,
        "augment leaves the global generators of torch, numpy and random alone; draw from context.seed",
    )
    size = condition_size_of(strategy, context.space)
    rule = broken_rule(view, images, size)
    if rule is not None:
        raise broken(type(strategy), rule)
    again = make().augment(before.clone(), context)
    _require(torch.equal(view.images, again.images), strategy, "the same seed gives the same view")
    strengths = strengths_of(strategy, context.progress, context.space)
    if not any(strengths.values()) and view.condition is None:
        _require(torch.equal(view.images, before), strategy, "strength 0 is the identity, bit for bit")
    if size:
        told = torch.zeros(len(before), size) if view.condition is None else view.condition
        same = (view.images == before).flatten(1).all(1)
        _require(bool((told[~same] != 0).any(1).all()), strategy, "condition 0 means the identity")


def _random_states() -> tuple[object, ...]:
    """Return the states of all global generators, comparable."""
    import random

    import numpy as np
    import torch

    return torch.get_rng_state().numpy().tobytes(), str(np.random.get_state(legacy=False)), random.getstate()


def _check_state(make: Callable[[], Strategy], space: AugmentationSpace) -> None:
    """Feed what training may bring: a prior that knows nothing yet, one that overfits, one at rest."""
    first, second = make(), make()
    seen = [
        (3.0, 3.0, 3.0),
        (3.5, 3.4, 3.0),
        (2.0, 2.5, 3.0),
        (1.0, 2.0, 3.0),
        (1.0, 4.0, 3.0),
        (2.0, 1.9, 3.0),
    ]
    for step, (train, validation, unigram) in enumerate(seen, 1):
        progress = step / (len(seen) + 1)
        likelihoods = Likelihoods(progress, train, validation, unigram)
        _answering(first, f"observe({likelihoods})", partial(first.observe, likelihoods))
        strengths_of(first, progress, space)
        probability_of(first, progress)
        state = state_of(first)
    second.load_state_dict(copy.deepcopy(state))
    _require(state_of(second) == state, first, "load_state_dict restores state_dict")
    for i in range(11):
        same = strengths_of(first, i / 10, space) == strengths_of(second, i / 10, space)
        _require(same, first, "a restored strategy goes on as the original would")
