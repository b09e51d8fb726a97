"""The augmentation space: the operations all strategies of a suite share, with their full-strength ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Operation(NamedTuple):
    """What a range means and how far it may go."""

    unit: str
    limit: float
    colour_only: bool = False


# The order is the order of application, and of the draws.
OPERATIONS: dict[str, Operation] = {
    "x_flip": Operation("probability of a left-right flip", 1.0),
    "y_flip": Operation("probability of an upside-down flip", 1.0),
    "rotation": Operation("degrees: angle uniform in +-range", 180.0),
    "scale": Operation("factor (1 + range)^u, u uniform in +-1", 4.0),
    "shift": Operation("share of the side: each axis uniform in +-range", 1.0),
    "brightness": Operation("added to pixels in [0, 1], uniform in +-range", 1.0),
    "contrast": Operation("factor (1 + range)^u, u uniform in +-1", 4.0),
    "saturation": Operation("factor (1 + range)^u, u uniform in +-1", 4.0, colour_only=True),
    "hue": Operation("degrees: turned uniformly in +-range", 180.0, colour_only=True),
    "cutout": Operation("share of the side of a square set to grey 0.5, placed uniformly", 1.0),
}
PADDINGS = ("reflection", "border", "zeros")


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

    def draw(
        self, images: Tensor, strengths: Mapping[str, float], *, probability: float = 1.0, seed: int
    ) -> Tensor:
        """Draw an augmented copy of images (B, C, H, W) in [0, 1]; the same tensor when nothing is done.

        Draws depend on (seed, image position) only: at half the strength an image turns half as far.
        """
        for name, strength in strengths.items():
            if not 0 <= strength <= 1:
                raise ValueError(f"strength of {name} must lie in [0, 1], got {strength}")
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must lie in [0, 1], got {probability}")
        ranges = {name: full * strengths.get(name, 0.0) for name, full in self.ranges.items()}
        ranges = {name: value for name, value in ranges.items() if value > 0}
        if not ranges or probability == 0:
            return images
        from strategies.operations import apply_operations

        return apply_operations(images, ranges, probability=probability, seed=seed, padding=self.padding)
