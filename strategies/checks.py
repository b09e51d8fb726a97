"""One battery every strategy must pass, built in or third-party: `check_strategy(MyStrategy())`."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable
from typing import Any

from strategies.base import STAGES, Likelihoods, StepContext, Strategy, View
from strategies.space import AugmentationSpace
from strategies.tunable import start_values, tunable_of

_SPACE = AugmentationSpace({"rotation": 30.0, "shift": 0.15, "scale": 0.2, "x_flip": 0.5})
_STEPS = 8


class StrategyError(AssertionError):
    """A strategy broke a rule of the contract; the message names both."""


def _require(ok: bool, strategy: Strategy, rule: str) -> None:
    if not ok:
        raise _broken(type(strategy), rule)


def _broken(strategy: type[Strategy], rule: str) -> StrategyError:
    return StrategyError(f"strategy {strategy.__name__} breaks the rule: {rule}")


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
        parameters = [strategy.from_tuned(values) for values in [starts, *tried]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _broken(strategy, f"`tunable` declares what `from_tuned` takes: {error}") from error
    for name, domain in tunable.items():
        if not domain.holds(starts[name]):
            raise _broken(strategy, f"tunable {name} starts in its range ({domain}), not at {starts[name]!r}")
    unknown = {key for given in parameters for key in given} - known.keys()
    if unknown:
        raise _broken(
            strategy, f"tunable become constructor parameters; unknown: {', '.join(sorted(unknown))}"
        )
    needed = {n for n, p in known.items() if p.default is p.empty}
    if needed <= parameters[0].keys():
        _check_ends(strategy, parameters, space)
    if not needed and not _alike(strategy(), strategy(**parameters[0]), space):
        raise _broken(strategy, "tunable starts give the schedule of the defaults")


def _check_ends(strategy: type[Strategy], parameters: list[dict[str, Any]], space: AugmentationSpace) -> None:
    told = strategy(**parameters[0]).condition_size(space)
    for given in parameters:
        try:
            made = strategy(**given)
        except (ValueError, TypeError) as error:
            raise _broken(strategy, f"tunable ends are accepted; {given}: {error}") from error
        check_schedule(made, space)
        if made.condition_size(space) != told:
            raise _broken(strategy, f"tunable leaves condition_size as it is; {given} changes it")


def _alike(one: Strategy, other: Strategy, space: AugmentationSpace) -> bool:
    """Say whether two schedules agree to three digits."""
    for i in range(101):
        first, second = (s.operation_strengths(i / 100, space) for s in (one, other))
        if any(abs(first[name] - second[name]) > 0.001 for name in first):
            return False
    return True


def check_schedule(strategy: Strategy, space: AugmentationSpace = _SPACE) -> None:
    """Check the numbers only (no torch): strengths and probabilities lie in [0, 1] from 0 to 1."""
    _require(0 <= strategy.validation_share < 1, strategy, "validation_share lies in [0, 1)")
    for i in range(101):
        progress = i / 100
        for name, value in strategy.operation_strengths(progress, space).items():
            _require(0 <= value <= 1, strategy, f"strength lies in [0, 1]; {name} at {progress}: {value}")
        chance = strategy.probability(progress)
        _require(0 <= chance <= 1, strategy, f"probability lies in [0, 1]; at {progress}: {chance}")


def check_view(make: Callable[[], Strategy], channels: int, stage: str, space: AugmentationSpace) -> None:
    """Check one view of four 8x8 images, early in a stage: cheap enough to run before every suite."""
    _check_view(make, channels, StepContext(stage, 0, _STEPS, 100, space))


def _check_view(make: Callable[[], Strategy], channels: int, context: StepContext) -> None:
    import torch

    generator = torch.Generator().manual_seed(context.seed)
    images = torch.rand(4, channels, 8, 8, generator=generator)
    before, random_state, strategy = images.clone(), _random_states(), make()
    view = strategy.augment(images, context)
    _require(isinstance(view, View), strategy, f"augment returns a View, not {type(view).__name__}")
    _require(
        isinstance(view.images, torch.Tensor),
        strategy,
        f"views are tensors, not {type(view.images).__name__}",
    )
    _require(torch.equal(images, before), strategy, "augment leaves its input untouched")
    _require(
        _random_states() == random_state,
        strategy,
        "augment leaves the global generators of torch, numpy and random alone; draw from context.seed",
    )
    _require(view.images.shape == images.shape, strategy, f"views keep the shape {tuple(images.shape)}")
    _require(view.images.dtype == images.dtype, strategy, "views are float32")
    within = torch.isfinite(view.images) & (view.images >= 0) & (view.images <= 1)
    _require(bool(within.all()), strategy, "views stay in [0, 1]")
    again = make().augment(before.clone(), context)
    _require(torch.equal(view.images, again.images), strategy, "the same seed gives the same view")
    strengths = strategy.operation_strengths(context.progress, context.space)
    if not any(strengths.values()) and view.condition is None:
        _require(torch.equal(view.images, before), strategy, "strength 0 is the identity, bit for bit")
    if view.condition is not None:
        told = view.condition
        size = strategy.condition_size(context.space)
        ok = tuple(told.shape) == (4, size) and told.dtype == torch.float32 and bool(told.isfinite().all())
        _require(ok, strategy, f"condition is finite float32 (B, condition_size): (4, {size})")
        same = (view.images == before).flatten(1).all(1)
        _require(bool((told[~same] != 0).any(1).all()), strategy, "condition 0 means the identity")


def _random_states() -> tuple[object, ...]:
    """Return the states of all global generators, comparable."""
    import random

    import numpy as np
    import torch

    return torch.get_rng_state().numpy().tobytes(), str(np.random.get_state(legacy=False)), random.getstate()


def _check_state(make: Callable[[], Strategy], space: AugmentationSpace) -> None:
    first, second = make(), make()
    for step in range(1, _STEPS):
        progress = step / _STEPS
        first.observe(Likelihoods(progress, rate_train=1.0, rate_validation=2.0, rate_unigram=3.0))
    state = first.state_dict()
    _require(state == json.loads(json.dumps(state)), first, "state_dict is plain JSON")
    second.load_state_dict(copy.deepcopy(state))
    _require(second.state_dict() == state, first, "load_state_dict restores state_dict")
    for i in range(11):
        same = first.operation_strengths(i / 10, space) == second.operation_strengths(i / 10, space)
        _require(same, first, "a restored strategy goes on as the original would")
