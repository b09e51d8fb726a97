"""Hand a strategy to the trainer as a plain callable, and remember what it drew."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from benchmark.plan import Trial
from pcvq2.randomness import derive_seed
from strategies import STAGES, Likelihoods, StepContext


class Views:
    """Draw a trial's views: a fresh strategy per stage, seeds that all strategies of a pair share."""

    def __init__(self, trial: Trial, seed: int) -> None:
        self._space, self._seed = trial.space, seed
        self._strategies = {stage: trial.strategy.make() for stage in STAGES}
        self._stages = trial.strategy.stages
        self.drawn = self.changed = 0
        self.strengths: dict[str, list[float]] = {stage: [] for stage in STAGES}
        self.gaps: dict[int, float | None] = {}
        self._step = 0

    def __call__(self, images: Tensor, *, stage: str, step: int, steps: int) -> tuple[Tensor, Tensor | None]:
        """Return a view of clean images (B, C, H, W); pcvq2.training.Augment."""
        seed = derive_seed(self._seed, stage, "augment", step)
        context = StepContext(stage, step, steps, seed, self._space)
        strategy = self._strategies[stage]
        view = strategy.augment(images, context)
        strengths = strategy.operation_strengths(context.progress, self._space)
        self.strengths[stage].append(sum(strengths.values()) / max(1, len(strengths)))
        self._step = step + 1
        self.drawn += len(images)
        if view.images is not images:
            self.changed += int((view.images != images).flatten(1).any(1).sum())
        return view.images, view.condition

    def observe(
        self, *, progress: float, rate_train: float, rate_validation: float, rate_unigram: float
    ) -> None:
        """Pass feedback on to the strategy of the stage prior; pcvq2.training.Observe."""
        strategy = self._strategies["prior"]
        strategy.observe(Likelihoods(progress, rate_train, rate_validation, rate_unigram))
        learned = rate_unigram - rate_train
        self.gaps[self._step] = (rate_validation - rate_train) / learned if learned > 0 else None

    def state_dict(self) -> dict[str, Any]:
        """Return everything drawn and observed so far, as plain JSON values; pcvq2.checkpoint.Stateful."""
        return {
            "drawn": self.drawn,
            "changed": self.changed,
            "strengths": {stage: list(drawn) for stage, drawn in self.strengths.items()},
            "gaps": list(self.gaps.items()),
            "step": self._step,
            "strategies": {stage: strategy.state_dict() for stage, strategy in self._strategies.items()},
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Restore what `state_dict` returned."""
        self.drawn, self.changed, self._step = state["drawn"], state["changed"], state["step"]
        self.strengths = {stage: list(drawn) for stage, drawn in state["strengths"].items()}
        self.gaps = {int(step): gap for step, gap in state["gaps"]}
        for stage, strategy in self._strategies.items():
            strategy.load_state_dict(state["strategies"][stage])

    def strength_at(self, step: int) -> float:
        """Return the strength of the last view drawn before `step` steps of the stage prior were done."""
        drawn = self.strengths["prior"]
        return drawn[min(step, len(drawn)) - 1] if drawn else 0.0

    def summary(self) -> dict[str, Any]:
        """Return the record's keys about what was drawn."""
        keys: dict[str, Any] = {"augmented_share": self.changed / self.drawn if self.drawn else 0.0}
        for stage in STAGES:
            drawn = self.strengths[stage]
            keys[f"mean_strength_{stage}"] = sum(drawn) / len(drawn) if drawn else 0.0
        keys["mean_strength"] = keys["mean_strength_prior"]
        return keys
