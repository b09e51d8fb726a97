"""One stage as it is run: which steps are left, their batches and draws, whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pcvq2.trainer.batches import Batches
from pcvq2.trainer.randomness import derive_seed
from pcvq2.trainer.session import Augment, Progress
from pcvq2.trainer.settings import StageConfig

if TYPE_CHECKING:
    from pcvq2.trainer.checkpoint import Checkpoint, Stateful


@dataclass(frozen=True)
class StageRun:
    """Run the steps of a stage; every draw of step k depends on (seed, stage, k) only."""

    stage: str
    config: StageConfig
    seed: int
    augment: Augment | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None

    def steps(self, parts: Mapping[str, Stateful]) -> Iterator[int]:
        """Restore the parts where there is a checkpoint, yield the steps that are left, tell of each."""
        of = self.config.steps
        left = range(of) if self.checkpoint is None else self.checkpoint.steps(of, parts)
        for step in left:
            yield step
            if self.progress is not None:
                self.progress(self.stage, step + 1, of)

    def batches(self, images: Tensor) -> Batches:
        """Return which of the images each step sees."""
        return Batches(len(images), self.config.batch, derive_seed(self.seed, self.stage, "batches"))

    def seed_draws(self, step: int) -> None:
        """Seed the global generator for what a step draws: dropout, say."""
        torch.manual_seed(derive_seed(self.seed, self.stage, "draws", step))

    def view(self, clean: Tensor, step: int) -> tuple[Tensor, Tensor | None]:
        """Return the view of a clean batch (B, C, H, W) in [0, 1] and what the model is told of it."""
        if self.augment is None:
            return clean, None
        return self.augment(clean, stage=self.stage, step=step, steps=self.config.steps)


def compiled(loss: Callable[..., Any], config: StageConfig) -> Callable[..., Any]:
    """Return a stage's loss, compiled where its configuration says so."""
    return torch.compile(loss) if config.compile else loss
