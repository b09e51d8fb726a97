"""Distribution augmentation: tell the model what was done to each view, and sample the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from strategies.augmentation.space import AugmentationSpace
from strategies.contract.base import StepContext, Strategy, View
from strategies.contract.tunable import Tunable, Uniform

if TYPE_CHECKING:
    from torch import Tensor


class Conditional(Strategy):
    """Augment throughout, with the drawn parameters as the model's condition.

    Source: Jun et al. (2020), *Distribution Augmentation for Generative Modeling*: maximise
    log p(t(x) | t) over drawn t, the identity among them, and sample with t = identity. They embed t's
    number; our operations are continuous, so the condition is the vector of drawn parameters, added through
    a linear map without bias as in Karras et al. (2022), *Elucidating the Design Space of Diffusion-Based
    Generative Models*: 0 is the identity.

    strength, probability: as in `constant`. clean: share of images left as they are, told condition 0 (Jun
    et al. draw the identity as often as any other option: one of four where t is a rotation). decoder: tell
    the decoder too, where stage `codes` is augmented.
    """

    name = "conditional"
    tunable: ClassVar[Tunable] = {"strength": Uniform(0.1, 1.0), "clean": Uniform(0.0, 0.75)}

    def __init__(
        self,
        strength: float = 1.0,
        probability: float = 1.0,
        clean: float = 0.25,
        decoder: bool = False,
    ) -> None:
        for key, value in (("strength", strength), ("probability", probability), ("clean", clean)):
            if not 0 <= value <= 1:
                raise ValueError(f"{key} must lie in [0, 1], got {value}")
        self._strength, self._probability, self._clean = strength, probability, clean
        self.conditions_decoder = bool(decoder)

    def strength(self, progress: float) -> float:
        return self._strength

    def probability(self, progress: float) -> float:
        return self._probability

    def condition_size(self, space: AugmentationSpace) -> int:
        return len(space.parameters)

    def augment(self, images: Tensor, context: StepContext) -> View:
        import torch

        strengths = self.operation_strengths(context.progress, context.space)
        probability = self.probability(context.progress)
        drawn = context.space.draw_with_parameters(
            images, strengths, probability=probability, seed=context.seed
        )
        if drawn.images is images:
            return View(images, drawn.parameters)
        generator = torch.Generator().manual_seed(context.seed ^ 0x5EED)  # not what the operations drew from
        chosen = torch.rand(len(images), generator=generator).to(images.device) >= self._clean
        views = torch.where(chosen[:, None, None, None], drawn.images, images)
        return View(views, drawn.parameters * chosen[:, None])
