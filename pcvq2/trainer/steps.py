"""steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor

from pcvq2.config import StageConfig
from pcvq2.trainer.checkpoint import Checkpoint, Stateful


class Augment(Protocol):
    """Turn a clean batch into a view: (B, C, H, W) floats in [0, 1] to the same shape.

    Returns (images, conditions (B, D) or None). Returning the very tensor it was given means "identity":
    the prior then uses the codes encoded once. `step` of `steps` have been done in `stage`.
    """

    def __call__(
        self, images: Tensor, *, stage: str, step: int, steps: int
    ) -> tuple[Tensor, Tensor | None]: ...


class Observe(Protocol):
    """Receive clean-code rates in nats per code, dropout off, at the evaluations of the stage prior."""

    def __call__(
        self, *, progress: float, rate_train: float, rate_validation: float, rate_unigram: float
    ) -> None: ...


Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all


def compiled(loss: Callable[..., Any], config: StageConfig) -> Callable[..., Any]:
    """Return a stage's loss, compiled where its configuration says so."""
    return torch.compile(loss) if config.compile else loss


def steps_left(steps: int, parts: dict[str, Stateful], checkpoint: Checkpoint | None) -> Iterable[int]:
    """Return the steps a stage has yet to do, after restoring its parts where there is a checkpoint."""
    return range(steps) if checkpoint is None else checkpoint.steps(steps, parts)
