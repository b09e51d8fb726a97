"""The operations a space may hold: what a range of each means, and how far it may go."""

from __future__ import annotations

from typing import NamedTuple


class Operation(NamedTuple):
    """What a range means, how far it may go, and what a view's parameters say of the operation."""

    unit: str
    limit: float
    colour_only: bool = False
    parameters: tuple[str, ...] = ()  # names of its columns; empty: one, named like the operation


# The order is the order of application: ADA's (blit, geometry, colour, filter, noise, cutout).
OPERATIONS: dict[str, Operation] = {
    "x_flip": Operation("probability of a left-right flip", 1.0),
    "y_flip": Operation("probability of an upside-down flip", 1.0),
    "rot90": Operation(
        "probability of a turn by 90, 180 or 270 degrees, each alike",
        1.0,
        parameters=("rot90_90", "rot90_180", "rot90_270"),
    ),
    "integer_shift": Operation(
        "share of the side: each axis uniform in +-range, in whole pixels",
        1.0,
        parameters=("integer_shift_x", "integer_shift_y"),
    ),
    "rotation": Operation("degrees: angle uniform in +-range", 180.0),
    "scale": Operation("factor (1 + range)^u, u uniform in +-1", 4.0),
    "anisotropic_scale": Operation("factor (1 + range)^u wide and its inverse high, u uniform in +-1", 4.0),
    "shift": Operation(
        "share of the side: each axis uniform in +-range", 1.0, parameters=("shift_x", "shift_y")
    ),
    "brightness": Operation("added to pixels in [0, 1], uniform in +-range", 1.0),
    "contrast": Operation("factor (1 + range)^u, u uniform in +-1", 4.0),
    "saturation": Operation("factor (1 + range)^u, u uniform in +-1", 4.0, colour_only=True),
    "hue": Operation("degrees: turned uniformly in +-range", 180.0, colour_only=True),
    "blur": Operation("share of the side: standard deviation of a Gaussian, uniform in [0, range]", 0.5),
    "noise": Operation("standard deviation of pixels in [0, 1], uniform in [0, range]", 1.0),
    "cutout": Operation("share of the side of a square set to grey 0.5, placed uniformly", 1.0),
}
PADDINGS = ("reflection", "border", "zeros")
