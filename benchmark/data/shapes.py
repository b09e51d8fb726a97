"""`shapes`: procedural colour images whose every property is drawn from a known, lopsided distribution.

Each image holds one figure made of two strokes, a pole and an arm, on a plain grey ground. No figure is its
own mirror image and only one hand exists; angles, places, sizes and hues have known ranges and a known mode
off their middle. So whatever flips, turns, shifts, scales or recolours the training images leaves samples
that the true distribution never holds, and `benchmark.data.shape_reading` counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images

Floats = NDArray[np.float32]

SIZE = 32  # pixels, the default side and the unit of all lengths below
# an arm from its foot to its tip; the pole goes from (0, -1) to (0, 1); x to the right, y down; lengths in
# half poles
ARMS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "ell": ((0.0, 1.0), (1.0, 1.0)),
    "flag": ((0.0, -1.0), (0.95, -0.55)),
    "branch": ((0.0, -0.35), (0.95, -0.35)),
}
KINDS = tuple(ARMS)
_HALF_WIDTH = 0.24  # of a stroke, in half poles

# low, mode, high of a triangular distribution
LAWS: dict[str, tuple[float, float, float]] = {
    "x": (-5.0, -3.0, 5.0),  # of the pole's middle from the image's, in pixels of a 32 px image
    "y": (-5.0, 3.0, 5.0),
    "angle": (-40.0, 30.0, 50.0),  # degrees, clockwise
    "scale": (5.0, 6.6, 7.0),  # half the pole, in pixels of a 32 px image
    "hue": (0.0, 30.0, 210.0),  # degrees; no blue-violet, magenta or pink
    "saturation": (0.6, 0.9, 1.0),
    "value": (0.7, 0.95, 1.0),
    "ground": (0.05, 0.1, 0.35),  # grey level, black is 0
}


@dataclass(frozen=True)
class Figures:
    """The properties of N figures, each an array (N,), in the units of `LAWS`."""

    kind: NDArray[np.int64]  # index into KINDS
    hand: Floats  # +1 as the law draws them, -1 mirrored
    values: Mapping[str, Floats]  # by the names of LAWS

    def __len__(self) -> int:
        return len(self.kind)


def draw_figures(count: int, seed: int, *, first: int = 0) -> Figures:
    """Draw the properties of figures first, first + 1, ...: each depends on (seed, its own index) only."""
    bits = np.random.PCG64(seed)
    bits.advance(first * (len(LAWS) + 1))
    uniforms = np.random.Generator(bits).random((count, len(LAWS) + 1))
    values = {
        name: _triangular(uniforms[:, i], *law).astype(np.float32)
        for i, (name, law) in enumerate(LAWS.items())
    }
    kind = (uniforms[:, -1] * len(KINDS)).astype(np.int64)
    return Figures(kind, np.ones(count, dtype=np.float32), values)


def _triangular(u: NDArray[np.float64], low: float, mode: float, high: float) -> NDArray[np.float64]:
    """Return the quantiles of a triangular distribution."""
    bend = (mode - low) / (high - low)
    rising = low + np.sqrt(u * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - u) * (high - low) * (high - mode))
    return np.where(u < bend, rising, falling)


def paint(figures: Figures, *, size: int = SIZE, batch: int = 500) -> Images:
    """Draw figures, anti-aliased at any size: (N, size, size, 3)."""
    images = np.empty((len(figures), size, size, 3), dtype=np.uint8)
    v = figures.values
    colours = colour_of(v["hue"], v["saturation"], v["value"])
    for start in range(0, len(figures), batch):
        part = slice(start, start + batch)
        geometry = [v[name][part] for name in ("x", "y", "angle", "scale")]
        covered = pixel_coverage(figures.kind[part], figures.hand[part], *geometry, size=size)[..., None]
        ground = v["ground"][part, None, None, None]
        pixels = ground + covered * (colours[part, None, None, :] - ground)
        images[part] = np.rint(255 * pixels)
    return images


def pixel_coverage(
    kind: NDArray[np.int64],
    hand: Floats,
    x: Floats,
    y: Floats,
    angle: Floats,
    scale: Floats,
    *,
    size: int,
) -> Floats:
    """Return the share of each pixel that lies under the figure: (N, size, size), from signed distances."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) * (SIZE / size) - SIZE / 2
    right = middle[None, None, :] - x[:, None, None]
    down = middle[None, :, None] - y[:, None, None]
    turn = np.deg2rad(angle).astype(np.float32)
    cos, sin = (np.asarray(f(turn) / scale, dtype=np.float32)[:, None, None] for f in (np.cos, np.sin))
    across = (cos * right + sin * down) * hand[:, None, None]  # the figure's own axes, in half poles
    along = cos * down - sin * right
    arms = np.array([ARMS[name] for name in KINDS], dtype=np.float32)[kind]  # (N, 2, 2)
    pole = np.hypot(across, along - along.clip(-1, 1))
    arm = _to_stroke(across, along, arms[:, 0, :, None, None], arms[:, 1, :, None, None])
    outside = np.minimum(pole, arm) - np.float32(_HALF_WIDTH)
    pixels = outside * scale[:, None, None] * np.float32(size / SIZE)
    return np.clip(np.float32(0.5) - pixels, 0, 1)


def _to_stroke(across: Floats, along: Floats, foot: Floats, tip: Floats) -> Floats:
    """Return the distance of points to segments; foot and tip are (N, 2, 1, 1)."""
    dx, dy = (tip - foot)[:, 0], (tip - foot)[:, 1]
    px, py = across - foot[:, 0], along - foot[:, 1]
    share = ((px * dx + py * dy) / (dx * dx + dy * dy)).clip(0, 1)
    return np.asarray(np.hypot(px - share * dx, py - share * dy), dtype=np.float32)


def colour_of(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """Turn hue (degrees), saturation and value into RGB in [0, 1]: (N, 3)."""
    sector = (np.array([5, 3, 1], dtype=np.float32) + hue[:, None] / 60) % 6
    dip = np.minimum(sector, 4 - sector).clip(0, 1)
    return value[:, None] * (1 - saturation[:, None] * dip)


def hue_of(colours: Floats) -> Floats:
    """Return the hue of RGB colours (N, 3), in degrees 0 to 360; the inverse of `colour_of`."""
    largest, chroma = colours.argmax(1), np.maximum(np.ptp(colours, axis=1), 1e-6)
    ahead = np.take_along_axis(colours, (largest[:, None] + 1) % 3, axis=1)[:, 0]
    behind = np.take_along_axis(colours, (largest[:, None] + 2) % 3, axis=1)[:, 0]
    return np.asarray((120 * largest + 60 * (ahead - behind) / chroma) % 360, dtype=np.float32)
