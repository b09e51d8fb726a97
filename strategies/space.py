"""The augmentation space: the operations all strategies of a suite share, with their full-strength ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from strategies.catalogue import OPERATIONS, PADDINGS

if TYPE_CHECKING:
    from torch import Tensor


class Drawn(NamedTuple):
    """An augmented batch and what was drawn for it."""

    images: Tensor  # (B, C, H, W)
    parameters: Tensor  # (B, P) float32, a column per name in AugmentationSpace.parameters


@dataclass(frozen=True)
class AugmentationSpace:
    """Hold full-strength ranges by operation; strength s uses s times each range.

    `padding` says what geometry finds outside the image. Raises ValueError for an unknown operation, a
    range outside [0, limit] or an unknown padding.
    """

    ranges: Mapping[str, float] = field(default_factory=dict)
    padding: str = "reflection"

    def __post_init__(self) -> None:
        for name, value in self.ranges.items():
            if name not in OPERATIONS:
                raise ValueError(f"operation '{name}' is unknown; known: {', '.join(OPERATIONS)}")
            operation = OPERATIONS[name]
            if not 0 <= value <= operation.limit:
                raise ValueError(f"{name}: {value} is outside [0, {operation.limit:g}] ({operation.unit})")
        if self.padding not in PADDINGS:
            raise ValueError(f"padding '{self.padding}' is unknown; known: {', '.join(PADDINGS)}")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name what is drawn per image, in the order of application."""
        named = [OPERATIONS[n].parameters or (n,) for n in OPERATIONS if n in self.ranges]
        return tuple(column for columns in named for column in columns)

    def skipped(self, channels: int) -> tuple[str, ...]:
        """Name the operations that images of so many channels cannot have."""
        return tuple(
            n for n, r in self.ranges.items() if r > 0 and OPERATIONS[n].colour_only and channels == 1
        )

    def draw(
        self, images: Tensor, strengths: Mapping[str, float], *, probability: float = 1.0, seed: int
    ) -> Tensor:
        """Draw an augmented copy of images (B, C, H, W) in [0, 1]; the same tensor when nothing is done.

        Draws depend on (seed, operation, image position) only: at half the strength an image turns half as
        far, and an operation more or less in the space changes nothing of the others.
        """
        return self.draw_with_parameters(images, strengths, probability=probability, seed=seed).images

    def draw_with_parameters(
        self, images: Tensor, strengths: Mapping[str, float], *, probability: float = 1.0, seed: int
    ) -> Drawn:
        """Draw as `draw` does and tell what was drawn.

        Each parameter is divided by the space's full range: it lies in [-1, 1], and is 0 where the operation
        did nothing to the image. Factors are told by their logarithms, flips and quarter turns as 0 or 1,
        blur and noise by their standard deviations, cutout by its side.
        """
        for name, strength in strengths.items():
            if not 0 <= strength <= 1:
                raise ValueError(f"strength of {name} must lie in [0, 1], got {strength}")
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must lie in [0, 1], got {probability}")
        ranges = {name: full * strengths.get(name, 0.0) for name, full in self.ranges.items()}
        ranges = {name: value for name, value in ranges.items() if value > 0}
        if not ranges or probability == 0:
            return Drawn(images, images.new_zeros(len(images), len(self.parameters)))
        from strategies.draws import Draws
        from strategies.operations import apply_operations

        draws = Draws(images, ranges, probability, seed)
        return Drawn(apply_operations(images, draws, self.padding), draws.parameters(self.ranges))
