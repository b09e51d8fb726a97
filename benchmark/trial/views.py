"""Hand a strategy to the trainer as a plain callable, and remember what it drew."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pcvq2.trainer.randomness import derive_seed
from strategies.contract.answers import StrategyError, condition_size_of, state_of, strengths_of
from strategies.contract.base import Likelihoods, StepContext
from strategies.contract.view_rules import broken_rule

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial

POINTS = 5  # of a stage, from its first step to its last, at which views are kept for people to look at
SHOWN = 3  # views kept at each, the first of the batch


def kept_steps(steps: int) -> list[int]:
    """Return the steps whose views are kept: the first, the last, and those evenly between."""
    return [round(point * (steps - 1) / (POINTS - 1)) for point in range(POINTS)]


class Views:
    """Draw a trial's views: a fresh strategy per stage, seeds that all strategies of a pair share."""

    def __init__(self, trial: Trial, seed: int) -> None:
        self._space, self._seed = trial.space, seed
        self._kept: dict[str, Tensor] = {}  # uint8 (POINTS, SHOWN, C, H, W) of "views.stage", "clean.stage"
        self._names = trial.stages
        self._last = trial.stages[-1]
        self._strategies = {stage: trial.strategy.make() for stage in trial.stages}
        self._told = condition_size_of(self._strategies[self._last], trial.space)
        self._stages = trial.strategy.stages
        self.drawn = self.changed = 0
        self.strengths: dict[str, list[float]] = {stage: [] for stage in trial.stages}
        self.gaps: dict[int, float | None] = {}
        self._step = 0

    def __call__(self, images: Tensor, *, stage: str, step: int, steps: int) -> tuple[Tensor, Tensor | None]:
        """Return a view of clean images (B, C, H, W); see pcvq2.Feed."""
        seed = derive_seed(self._seed, stage, "augment", step)
        context = StepContext(stage, step, steps, seed, self._space)
        strategy = self._strategies[stage]
        view = strategy.augment(images, context)
        rule = broken_rule(view, images, self._told)
        if rule is not None:
            raise StrategyError(f"{rule} at step {step} of stage {stage}")
        strengths = strengths_of(strategy, context.progress, self._space)
        self.strengths[stage].append(sum(strengths.values()) / max(1, len(strengths)))
        self._step = step + 1
        self.drawn += len(images)
        self._keep(stage, step, steps, images, view.images)
        if view.images is not images:
            self.changed += int((view.images != images).flatten(1).any(1).sum())
        return view.images, view.condition

    def _keep(self, stage: str, step: int, steps: int, clean: Tensor, views: Tensor) -> None:
        for point in (i for i, kept in enumerate(kept_steps(steps)) if kept == step):
            for name, images in ((f"views.{stage}", views), (f"clean.{stage}", clean)):
                shown = (images[:SHOWN] * 255).round().to(torch.uint8).cpu()
                if name not in self._kept:
                    self._kept[name] = shown.new_zeros(POINTS, *shown.shape)
                self._kept[name][point] = shown

    def observe(
        self, *, progress: float, rate_train: float, rate_validation: float, rate_unigram: float
    ) -> None:
        """Pass feedback on to the strategy of the last stage; see pcvq2.Feed."""
        strategy = self._strategies[self._last]
        strategy.observe(Likelihoods(progress, rate_train, rate_validation, rate_unigram))
        learned = rate_unigram - rate_train
        self.gaps[self._step] = (rate_validation - rate_train) / learned if learned > 0 else None

    def state_dict(self) -> dict[str, Any]:
        """Return all that was drawn and observed so far, as tensors and JSON; see Stateful."""
        return self._kept | {
            "drawn": self.drawn,
            "changed": self.changed,
            "strengths": {stage: list(drawn) for stage, drawn in self.strengths.items()},
            "gaps": list(self.gaps.items()),
            "step": self._step,
            "strategies": {stage: state_of(strategy) for stage, strategy in self._strategies.items()},
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Restore what `state_dict` returned."""
        self.drawn, self.changed, self._step = state["drawn"], state["changed"], state["step"]
        self.strengths = {stage: list(drawn) for stage, drawn in state["strengths"].items()}
        self.gaps = {int(step): gap for step, gap in state["gaps"]}
        self._kept = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        for stage, strategy in self._strategies.items():
            strategy.load_state_dict(state["strategies"][stage])

    def strength_at(self, step: int) -> float:
        """Return the strength of the last view drawn before `step` steps of the last stage were done."""
        drawn = self.strengths[self._last]
        return drawn[min(step, len(drawn)) - 1] if drawn else 0.0

    def artifact(self) -> dict[str, bytes]:
        """Return the file of kept views: what the stage that was augmented last saw, and from what images.

        views.npz: `views` and `clean` uint8 (POINTS, SHOWN, H, W, C), `progress` (POINTS,), `stage`. Empty
        where nothing was drawn.
        """
        for stage in reversed(self._names):
            if f"views.{stage}" in self._kept:
                views, clean = (
                    self._kept[f"{name}.{stage}"].permute(0, 1, 3, 4, 2).numpy()
                    for name in ("views", "clean")
                )
                buffer, shares = io.BytesIO(), np.linspace(0, 1, POINTS)
                np.savez_compressed(buffer, views=views, clean=clean, progress=shares, stage=np.array(stage))
                return {"views.npz": buffer.getvalue()}
        return {}

    def summary(self) -> dict[str, Any]:
        """Return the record's keys about what was drawn."""
        keys: dict[str, Any] = {"augmented_share": self.changed / self.drawn if self.drawn else 0.0}
        for stage in self._names:
            drawn = self.strengths[stage]
            keys[f"mean_strength_{stage}"] = sum(drawn) / len(drawn) if drawn else 0.0
        keys["mean_strength"] = keys[f"mean_strength_{self._last}"]
        keys["strategy_state"] = state_of(self._strategies[self._last])  # of `adaptive`: its trace
        return keys
