"""A controller in the spirit of ADA, driven by the likelihood gap instead of a discriminator."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.contract.base import Likelihoods, Strategy
from strategies.contract.tunable import Tunable, Uniform

_SETTLED = 0.05  # share of the unigram's loss: before the model beats it by this much, the gap is noise


class Adaptive(Strategy):
    """Raise the strength while the model overfits, lower it while it does not.

    The signal is g = (rate_validation - rate_train) / (rate_unigram - rate_train) on clean images, clamped
    to [0, 1] and ignored until the model's loss is a twentieth below that of the unigram, which knows only
    how often each value occurs (version 1: 0.2 nats per code below): the share of what was learned that does
    not carry over to validation images. It is the analogue of r_v in Karras et al. (2020), *Training
    Generative Adversarial Networks with Limited Data*; the controller's sign rule is theirs, the signal, its
    target and the clean finish are ours (a likelihood model learns the augmented distribution at any
    probability, so ADA's "no leak below 0.8" does not carry over).

    target: the gap to hold. ramp: share of training in which the strength can travel from 0 to 1.
    finish_clean: last share of training: narrowed to 0 over its first half, clean in its second.
    validation_share: share of the budget the gap is measured on; the model does not learn from it.
    """

    name = "adaptive"
    version = 2
    tunable: ClassVar[Tunable] = {
        "target": Uniform(0.02, 0.4, log=True),
        "ramp": Uniform(0.05, 1.0, log=True),
    }

    def __init__(
        self,
        target: float = 0.1,
        ramp: float = 0.25,
        initial: float = 0.5,
        finish_clean: float = 0.3,
        validation_share: float = 0.2,
    ) -> None:
        for key, value in (("target", target), ("initial", initial), ("finish_clean", finish_clean)):
            if not 0 <= value <= 1:
                raise ValueError(f"{key} must lie in [0, 1], got {value}")
        if ramp <= 0:
            raise ValueError(f"ramp must be positive, got {ramp}")
        if not 0 < validation_share < 1:
            raise ValueError(f"validation_share must lie in (0, 1), got {validation_share}")
        self.validation_share = validation_share
        self._target, self._ramp, self._finish_clean = target, ramp, finish_clean
        self._level, self._progress = initial, 0.0
        self.trace: list[dict[str, float | None]] = []

    def strength(self, progress: float) -> float:
        if not self._finish_clean:
            return self._level
        left = (1 - progress) / self._finish_clean  # 1 where the finish begins, 0 at the end
        return self._level * min(1.0, max(0.0, 2 * left - 1))

    def observe(self, likelihoods: Likelihoods) -> None:
        learned = likelihoods.rate_unigram - likelihoods.rate_train
        gap = None
        if learned > _SETTLED * likelihoods.rate_unigram:
            raw = (likelihoods.rate_validation - likelihoods.rate_train) / learned
            gap = min(1.0, max(0.0, raw))
            step = (likelihoods.progress - self._progress) / self._ramp
            change = step if gap > self._target else -step
            self._level = min(1.0, max(0.0, self._level + change))
        self._progress = likelihoods.progress
        self.trace.append({"progress": likelihoods.progress, "gap": gap, "level": self._level})

    def state_dict(self) -> dict[str, Any]:
        return {"level": self._level, "progress": self._progress, "trace": [dict(t) for t in self.trace]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._level, self._progress = float(state["level"]), float(state["progress"])
        self.trace = [dict(t) for t in state["trace"]]
