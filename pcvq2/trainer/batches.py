"""Which images a step sees, as a function of (seed, step)."""

from __future__ import annotations

import torch
from torch import Tensor

from pcvq2.trainer.randomness import derive_seed


class Batches:
    """Draw batches without replacement within an epoch, as a function of (seed, step)."""

    def __init__(self, count: int, batch: int, seed: int) -> None:
        self.count, self.batch, self.seed = count, batch, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def _at(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
            self._epoch, self._order = epoch, torch.randperm(self.count, generator=generator)
        return self._order

    def __call__(self, step: int) -> Tensor:
        """Return the image indices of a step. (batch,) int64"""
        positions = range(step * self.batch, (step + 1) * self.batch)
        by_epoch: dict[int, list[int]] = {}
        for position in positions:
            by_epoch.setdefault(position // self.count, []).append(position % self.count)
        return torch.cat([self._at(epoch)[places] for epoch, places in by_epoch.items()])
