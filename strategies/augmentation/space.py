"""The augmentation space: the operations all strategies of a suite share, with their full-strength ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from strategies.augmentation.catalogue import CENTRES, FACTORS, OPERATIONS, PADDINGS
from strategies.contract.answers import share

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS = {"padding": PADDINGS, "contrast_about": CENTRES, "factors": FACTORS}  # of a whole space


class Drawn(NamedTuple):
    """An augmented batch and what was drawn for it."""

    images: Tensor  # (B, C, H, W)
    parameters: Tensor  # (B, P) float32, a column per name in AugmentationSpace.parameters


@dataclass(frozen=True)
class AugmentationSpace:
    """Hold full-strength ranges by operation; strength s uses s times each range.

    `padding` says what geometry finds outside the image, `contrast_about` what contrast leaves where it is,
    `factors` how a factor is spread: even in its logarithm or even. Raises ValueError for an unknown
    operation or setting, or a range outside its limits.
    """

    ranges: Mapping[str, float] = field(default_factory=dict)
    padding: str = "reflection"
    contrast_about: str = "grey"
    factors: str = "logarithmic"

    def __post_init__(self) -> None:
        for name, known in SETTINGS.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} '{getattr(self, name)}' is unknown; known: {', '.join(known)}")
        for name, value in self.ranges.items():
            if name not in OPERATIONS:
                raise ValueError(f"operation '{name}' is unknown; known: {', '.join(OPERATIONS)}")
            operation = OPERATIONS[name]
            if not 0 <= value <= operation.limit:
                raise ValueError(f"{name}: {value} is outside [0, {operation.limit:g}] ({operation.unit})")
            if self.factors == "linear" and operation.kind == "factor":
                _check_linear(name, value)

    def resolved(self, channels: int = 3) -> dict[str, Any]:
        """Return what decides the views of images with so many channels, as JSON values.

        A setting is named where it matters and is not what it was before there was a choice; an operation's
        version where its meaning has changed.
        """
        about: dict[str, Any] = {"ranges": dict(self.ranges), "padding": self.padding}
        met = [n for n in self.ranges if channels != 1 or not OPERATIONS[n].colour_only]
        if "contrast" in met:
            about["contrast_about"] = self.contrast_about
        if self.factors != "logarithmic" and any(OPERATIONS[n].kind == "factor" for n in met):
            about["factors"] = self.factors
        versions = {n: OPERATIONS[n].version for n in met if OPERATIONS[n].version > 1}
        return about | ({"operations": versions} if versions else {})

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
        did nothing to the image. Factors are told by their logarithms, linear ones by their distance from 1,
        flips and quarter turns as 0 or 1, blur and noise by their standard deviations, cutout by its side.
        """
        strengths = {name: share(value, f"strength of {name}") for name, value in strengths.items()}
        probability = share(probability, "probability")
        ranges = {name: full * strengths.get(name, 0.0) for name, full in self.ranges.items()}
        ranges = {name: value for name, value in ranges.items() if value > 0}
        if not ranges or probability == 0:
            return Drawn(images, images.new_zeros(len(images), len(self.parameters)))
        from strategies.augmentation.draws import Draws
        from strategies.augmentation.operations import apply_operations

        draws = Draws(images, ranges, probability, seed, linear=self.factors == "linear")
        return Drawn(apply_operations(images, draws, self), draws.parameters(self.ranges))


def _check_linear(name: str, value: float) -> None:
    """Refuse a factor 1 - range that inverts colours or leaves nothing of an image. Raises ValueError."""
    if OPERATIONS[name].warps and value >= 1:
        raise ValueError(f"{name}: {value} must lie below 1 where `factors` is linear: 1 - range is a factor")
    if value > 1:
        raise ValueError(
            f"{name}: {value} is outside [0, 1] where `factors` is linear: 1 - range is a factor"
        )
