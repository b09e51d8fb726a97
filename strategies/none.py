"""No augmentation: the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strategies.contract.base import StepContext, Strategy, View

if TYPE_CHECKING:
    from torch import Tensor


class NoAugmentation(Strategy):
    """Leave every image as it is, bit for bit: no hidden flips."""

    name = "none"

    def strength(self, progress: float) -> float:
        return 0.0

    def augment(self, images: Tensor, context: StepContext) -> View:
        return View(images)
