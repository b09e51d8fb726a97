"""The operations a space may hold: one table of what each is, how it is drawn and whose arithmetic it has."""

from __future__ import annotations

from typing import Literal, NamedTuple

# event: happens or not, its range is the probability; offset: uniform in +-range; pixels: the same, rounded
# to whole pixels; factor: see FACTORS; deviation: uniform in [0, range]; size: the range itself
Kind = Literal["event", "offset", "pixels", "factor", "deviation", "size"]


class Operation(NamedTuple):
    """What a range means, how far it may go, how it is drawn, and what a view's parameters say of it.

    version: of its meaning; above 1 it is part of a record's name, so that no two meanings are mixed.
    source: whose arithmetic it is, and where it deviates. warps: one resampling serves all that do.
    """

    kind: Kind
    unit: str
    limit: float
    source: str
    version: int = 1
    colour_only: bool = False
    warps: bool = False
    parameters: tuple[str, ...] = ()  # names of its columns; empty: one, named like the operation


_NORMAL = "ADA draws from a normal distribution"
_LOGNORMAL = "ADA's factor is lognormal"
_SMOOTH = "ADA resamples with a wavelet filter, here bilinearly"
_CLAMPED = "clamped to [0, 1] after the last of them"

# The order is the order of application: ADA's (blit, geometry, colour, filter, noise, cutout).
OPERATIONS: dict[str, Operation] = {
    "x_flip": Operation("event", "probability of a left-right flip", 1.0, "ADA's"),
    "y_flip": Operation("event", "probability of an upside-down flip", 1.0, "EDM's"),
    "rot90": Operation(
        "event",
        "probability of a turn by 90, 180 or 270 degrees, each alike",
        1.0,
        "ADA's",
        parameters=("rot90_90", "rot90_180", "rot90_270"),
    ),
    "integer_shift": Operation(
        "pixels",
        "share of the side: each axis uniform in +-range, in whole pixels",
        1.0,
        "ADA's; DiffAugment draws the two outermost pixels as often as the others, here half as often, and "
        "shifts after the colours",
        parameters=("integer_shift_x", "integer_shift_y"),
    ),
    "rotation": Operation(
        "offset",
        "degrees: angle uniform in +-range",
        180.0,
        f"ADA's, after the anisotropic scale only, ADA before it too; {_SMOOTH}",
        warps=True,
    ),
    "scale": Operation(
        "factor", "factor (1 + range)^u, u uniform in +-1", 4.0, f"ADA's; {_LOGNORMAL}", warps=True
    ),
    "anisotropic_scale": Operation(
        "factor",
        "factor (1 + range)^u wide and its inverse high, u uniform in +-1",
        4.0,
        f"ADA's; {_LOGNORMAL}; EDM stretches half of the images along a turned axis",
        warps=True,
    ),
    "shift": Operation(
        "offset",
        "share of the side: each axis uniform in +-range",
        1.0,
        f"ADA's; {_NORMAL}",
        warps=True,
        parameters=("shift_x", "shift_y"),
    ),
    "brightness": Operation(
        "offset",
        "added to pixels in [0, 1], uniform in +-range",
        1.0,
        f"ADA's and DiffAugment's, whose pixels lie in [-1, 1]: halve their numbers; {_NORMAL}; {_CLAMPED}",
    ),
    "contrast": Operation(
        "factor",
        "factor (1 + range)^u about `contrast_about`, u uniform in +-1",
        4.0,
        f"ADA's about grey 0.5, DiffAugment's about the image's mean; {_LOGNORMAL}; {_CLAMPED}",
        version=2,  # 1: a gain about black
    ),
    "saturation": Operation(
        "factor",
        "factor (1 + range)^u of the distance from the grey axis, u uniform in +-1",
        4.0,
        f"ADA's and DiffAugment's, in RGB, not HSV; {_LOGNORMAL}; {_CLAMPED}",
        version=2,  # 1: HSV's
        colour_only=True,
    ),
    "hue": Operation(
        "offset",
        "degrees: RGB turned about the grey axis, uniform in +-range",
        180.0,
        f"ADA's, in RGB, not HSV; {_CLAMPED}",
        version=2,  # 1: HSV's
        colour_only=True,
    ),
    "blur": Operation(
        "deviation", "share of the side: standard deviation of a Gaussian, uniform in [0, range]", 0.5, "ours"
    ),
    "noise": Operation(
        "deviation",
        "standard deviation of pixels in [0, 1], uniform in [0, range]",
        1.0,
        "ADA's, whose pixels lie in [-1, 1]: halve its number; ADA's deviation is half-normal; clamped",
    ),
    "cutout": Operation(
        "size",
        "share of the side of a square set to grey 0.5, placed uniformly",
        1.0,
        "ADA's; DiffAugment centres squares on pixel corners, the outermost as often as the others, here "
        "half as often",
    ),
}
PADDINGS = ("reflection", "border", "zeros", "grey")  # grey: 0.5, which is the sources' 0
FACTORS = ("logarithmic", "linear")  # of a factor operation: (1 + range)^u, or 1 + range u
CENTRES = (
    "grey",
    "mean",
)  # what contrast scales about: grey 0.5, or the image's own mean over pixels and channels
