"""What one attempt at a trial is given: a share of the machine, who hears of it, when it stops (no torch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchmark.data import Dataset
    from pcvq2.trainer.session import Progress

Keep = Literal["records", "models", "all"]


def tell_nobody(stage: str, step: int, steps: int) -> None:
    """Hear of progress and do nothing."""


@dataclass(frozen=True)
class Attempt:
    """Say with what, and watched by whom, a trial is tried; nothing here decides its outcome.

    keep: what a finished trial leaves on disk beside its record: nothing, its model, or its checkpoints too.
    progress: hears of every step of every stage.
    stop: asked between steps and stages; a yes is a Ctrl-C: a checkpoint, then KeyboardInterrupt.
    dataset: the trial's images; read from where they lie unless given.
    """

    device: str = "cpu"
    threads: int = 1
    checkpoint_seconds: float = 60.0
    keep: Keep = "models"
    progress: Progress = tell_nobody
    stop: Callable[[], bool] | None = None
    dataset: Dataset | None = None
