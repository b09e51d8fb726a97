"""What training is given beside images and settings: views and feedback, places on disk, whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from pcvq2.trainer.checkpoint import Stateful

Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all


class Augment(Protocol):
    """Turn a clean batch into a view: (B, C, H, W) floats in [0, 1] to the same shape.

    Returns (images, conditions (B, D) or None). Returning the very tensor it was given means "identity":
    a stage then uses what it has computed of clean images. `step` of `steps` have been done in `stage`.
    """

    def __call__(
        self, images: Tensor, *, stage: str, step: int, steps: int
    ) -> tuple[Tensor, Tensor | None]: ...


class Observe(Protocol):
    """Receive losses on clean images, dropout off, at the evaluations of the last stage.

    All three are in one unit of the model's choosing (PC-VQ2: nats per code); `rate_unigram` is the loss of a
    model that knows only how often each value occurs.
    """

    def __call__(
        self, *, progress: float, rate_train: float, rate_validation: float, rate_unigram: float
    ) -> None: ...


@dataclass(frozen=True)
class Feed:
    """Say what a model is shown in place of clean batches, and who hears how it does.

    stages: those whose batches `augment` sees; None: all. state: what `augment` and `observe` change, stored
    in checkpoints and restored with the weights.
    """

    augment: Augment | None = None
    observe: Observe | None = None
    stages: tuple[str, ...] | None = None
    state: Stateful | None = None

    def augment_of(self, stage: str) -> Augment | None:
        """Return the augmentation of a stage's batches, None where it learns from clean images."""
        return self.augment if self.stages is None or stage in self.stages else None


@dataclass(frozen=True)
class Session:
    """Say where one process keeps what it trains, whom it tells, and when it stops.

    checkpoints: folder of a model's checkpoints, one written every `every_seconds`; None: none are. Those of
    another `owner` are refused. shared: folder of stages that several models have in common. stop: asked
    between steps; a yes is a Ctrl-C: a checkpoint, then KeyboardInterrupt.
    """

    checkpoints: Path | None = None
    every_seconds: float = 60.0
    owner: str = ""
    shared: Path | None = None
    progress: Progress | None = None
    stop: Callable[[], bool] | None = None
