"""The contract of a strategy: when, and how strongly, training images are augmented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from strategies.contract.tunable import Tunable, Value

if TYPE_CHECKING:  # a schedule is plain Python: listing strategies must not cost an import of torch
    from torch import Tensor

    from strategies.augmentation.space import AugmentationSpace

STAGES = ("codes", "prior")  # of the family pc-vq2; other families have their own


@dataclass(frozen=True)
class StepContext:
    """Say where training stands when a view is drawn.

    `seed` names this step's draws: equal seeds give equal views, and all strategies share them.
    """

    stage: str
    step: int  # steps of the stage already done
    steps: int
    seed: int
    space: AugmentationSpace

    @property
    def progress(self) -> float:
        """Return the share of the stage's steps already done, in [0, 1]."""
        return self.step / self.steps


class View(NamedTuple):
    """An augmented batch, and optionally what the model is told was done to it (zeros = identity)."""

    images: Tensor  # (B, C, H, W) float32 in [0, 1]
    condition: Tensor | None = None  # (B, condition_size) float32


@dataclass(frozen=True)
class Likelihoods:
    """Losses on clean images of the model in training, dropout off.

    All in one unit of the model's family: of pc-vq2 nats per code.
    """

    progress: float
    rate_train: float
    rate_validation: float
    rate_unigram: float  # of a model that knows only how often each value occurs


class Strategy:
    """Decide how strongly training images are augmented; override `strength`, the rest if you need more.

    Constructors only store and validate (ValueError). A fresh instance serves each stage of each trial.
    """

    validation_share: float = 0.0
    """Share of the budget set aside for `observe`; the model never learns from it."""

    conditions_decoder: bool = False
    """Whether the decoder is told too, where stage `codes` is augmented."""

    version: ClassVar[int] = 1
    """Of a built-in strategy: raised when it comes to mean something else, so that its records are new."""

    tunable: ClassVar[Tunable] = {}
    """What `bench tune` may change: constructor parameters, or names that `from_tuned` turns into some."""

    strategy_parameters: ClassVar[tuple[str, ...]] = ()
    """Constructor parameters that name other strategies: the code of those counts as well."""

    @classmethod
    def from_tuned(cls, values: Mapping[str, Value]) -> dict[str, Any]:
        """Turn a value for each name of `tunable` into constructor parameters; by default they are these."""
        return dict(values)

    def condition_size(self, space: AugmentationSpace) -> int:
        """Return how many numbers per image `augment` tells the model; it is evaluated and sampled at 0."""
        return 0

    def strength(self, progress: float) -> float:
        """Return the strength in [0, 1]: 0 is exactly the identity, 1 the full ranges of the space."""
        raise NotImplementedError(f"{type(self).__name__} must define strength(progress)")

    def probability(self, progress: float) -> float:
        """Return the chance in [0, 1] that each operation is applied to an image; decided independently."""
        return 1.0

    def operation_strengths(self, progress: float, space: AugmentationSpace) -> dict[str, float]:
        """Return the strength of each operation of the space; by default the same for all."""
        strength = self.strength(progress)
        return dict.fromkeys(space.ranges, strength)

    def augment(self, images: Tensor, context: StepContext) -> View:
        """Draw a view of images (B, C, H, W) in [0, 1]; the identity returns the very tensor it was given."""
        strengths = self.operation_strengths(context.progress, context.space)
        probability = self.probability(context.progress)
        return View(context.space.draw(images, strengths, probability=probability, seed=context.seed))

    def observe(self, likelihoods: Likelihoods) -> None:
        """Receive feedback from the last stage; needs `validation_share` > 0."""

    def state_dict(self) -> dict[str, Any]:
        """Return what `observe` has changed, as plain JSON values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
