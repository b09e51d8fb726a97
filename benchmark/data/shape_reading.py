"""Read the properties of `shapes` back from pixels, so that leakage can be counted against the truth.

Moments of the figure's share of each pixel give place, angle and size for every kind, hand and half turn;
the candidate that fits best when painted is refined by a few Gauss-Newton steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.decoding import Images
from benchmark.data.shapes import KINDS, LAWS, SIZE, Floats, hue_of, pixel_coverage

_TOLERANCE = {"x": 0.5, "y": 0.5, "angle": 4.0, "scale": 0.3, "hue": 8.0}  # well above the reading's error
_STEPS = np.array([0.05, 0.05, 0.5, 0.05], dtype=np.float32)  # of the numerical derivative
# of an image's contrast: noise of 12 levels leaves 0.16, a Gaussian blur of 1.5 pixels 0.18 (medians); at a
# blur of 2, 0.28, where a tenth of the hands are read wrongly
_UNEXPLAINED = 0.25
_NOISE = 0.3  # a pixel with less of the figure does not count in the moments
_REFINEMENTS, _BATCH = 4, 200


@dataclass(frozen=True)
class Reading:
    """What figures look like, each an array (N,), in the units of `benchmark.data.shapes.LAWS`."""

    kind: NDArray[np.int64]
    hand: Floats  # -1: mirrored, which the law never draws
    x: Floats
    y: Floats
    angle: Floats  # degrees, clockwise, -180 to 180
    scale: Floats
    hue: Floats  # degrees, 0 to 360
    residual: Floats  # root mean square of pixel levels 0..255 that the best figure leaves
    unexplained: Floats  # the same as a share of all that is not plain ground, 0 to 1


def read_figures(images: Images) -> Reading:
    """Read one figure from each uint8 image (N, S, S, 3)."""
    parts = [_read_batch(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    return Reading(*[np.concatenate(values) for values in zip(*parts, strict=True)])


def impossible_shares(reading: Reading) -> dict[str, float | None]:
    """Return, by property, the share of images that the law of `shapes` never draws.

    figure counts images that no figure explains: noise, blobs, figures too blurred to tell hand or angle. The
    others are counted among the rest, None where nothing is left: x, y, angle, scale and hue outside their
    range by more than the reading's tolerance, flip for mirrored figures. The law's own images score 0.
    """
    figures = reading.unexplained <= _UNEXPLAINED
    outside = {"flip": reading.hand < 0}
    for name, tolerance in _TOLERANCE.items():
        low, _, high = LAWS[name]
        value = getattr(reading, name)
        if name == "hue":  # a circle: measured from the middle of the range
            value = (value - (low + high) / 2 + 180) % 360 - 180 + (low + high) / 2
        outside[name] = (value < low - tolerance) | (value > high + tolerance)
    shares = {n: float(o[figures].mean()) if figures.any() else None for n, o in outside.items()}
    return {"figure": float((~figures).mean()), **shares}


def _read_batch(images: Images) -> tuple[NDArray[np.int64] | Floats, ...]:
    size = images.shape[1]
    pixels = images.astype(np.float32)
    ground = np.median(pixels.reshape(len(images), -1, 3), axis=1)[:, None, None, :]
    seen = _figure_share(pixels - ground)
    kind, hand, geometry = _best_candidate(seen, size)
    geometry = _refine(seen, kind, hand, geometry, size)
    covered = pixel_coverage(kind, hand, *geometry.T, size=size)
    weight = np.maximum((covered**2).sum((1, 2)), 1e-6)[:, None]
    colour = ((pixels - ground) * covered[..., None]).sum((1, 2)) / weight
    left = pixels - ground - covered[..., None] * colour[:, None, None, :]
    remains = (left**2).mean((1, 2, 3))
    contrast = ((pixels - ground) ** 2).mean((1, 2, 3))
    unexplained = np.where(contrast > 1, remains / np.maximum(contrast, 1), 1).astype(np.float32)
    x, y, angle, scale = geometry.T
    hue = hue_of((colour + ground[:, 0, 0]).clip(0, 255))
    return kind, hand, x, y, (angle + 180) % 360 - 180, scale, hue, np.sqrt(remains), unexplained


def _figure_share(difference: Floats) -> Floats:
    """Return how much of the figure's colour each pixel has, 0 to 1: (N, S, S)."""
    flat = difference.reshape(len(difference), -1, 3)
    strongest = np.argsort(-(flat**2).sum(-1), axis=1)[:, : max(4, flat.shape[1] // 64)]
    contrast = np.take_along_axis(flat, strongest[..., None], axis=1).mean(1)  # (N, 3)
    energy = np.maximum((contrast**2).sum(-1), 1e-6)
    share = (difference * contrast[:, None, None, :]).sum(-1) / energy[:, None, None]
    return share.clip(0, 1)


def _moments(share: Floats) -> tuple[Floats, Floats, Floats]:
    """Return centre (N, 2), angle of the long axis in degrees (N,), and spread (N,), in 32nds of the side."""
    size = share.shape[1]
    middle = (np.arange(size, dtype=np.float32) + 0.5) * (SIZE / size) - SIZE / 2
    weight = np.where(share > _NOISE, share, 0)
    mass = np.maximum(weight.sum((1, 2)), 1e-6)
    x = (weight * middle[None, None, :]).sum((1, 2)) / mass
    y = (weight * middle[None, :, None]).sum((1, 2)) / mass
    dx, dy = middle[None, None, :] - x[:, None, None], middle[None, :, None] - y[:, None, None]
    xx, yy, xy = ((weight * product).sum((1, 2)) / mass for product in (dx * dx, dy * dy, dx * dy))
    axis = np.rad2deg(0.5 * np.arctan2(2 * xy, xx - yy))
    return np.stack([x, y], 1), axis, np.sqrt(np.maximum(xx + yy, 1e-6))


def _best_candidate(seen: Floats, size: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Choose kind, hand and half turn by painting every candidate that has the moments seen."""
    centre, axis, spread = _moments(seen)
    count = len(seen)
    best = np.full(count, np.inf, dtype=np.float32)
    kind, hand = np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.float32)
    geometry = np.zeros((count, 4), dtype=np.float32)
    for k in range(len(KINDS)):
        for h in (1.0, -1.0):
            model = np.array([0, 0, 0, 6.0], dtype=np.float32)  # upright, in the middle, 6 px
            kinds, hands = np.full(count, k), np.full(count, h, dtype=np.float32)
            drawn = pixel_coverage(kinds[:1], hands[:1], *model[:, None], size=128)
            (home,), (lean,), (width,) = _moments(drawn)
            for half_turn in (0.0, 180.0):
                angle = axis - lean + half_turn
                scale = 6.0 * spread / width
                turn = np.deg2rad(angle)
                cos, sin = np.cos(turn), np.sin(turn)
                offset = np.stack([cos * home[0] - sin * home[1], sin * home[0] + cos * home[1]], 1)
                place = centre - offset * (spread / width)[:, None]
                trial = np.stack([place[:, 0], place[:, 1], angle, scale], 1).astype(np.float32)
                painted = pixel_coverage(kinds, hands, *trial.T, size=size)
                error = ((painted - seen) ** 2).sum((1, 2))
                better = error < best
                best[better], kind[better], hand[better] = error[better], k, h
                geometry[better] = trial[better]
    return kind, hand, geometry


def _refine(seen: Floats, kind: NDArray[np.int64], hand: Floats, geometry: Floats, size: int) -> Floats:
    """Move x, y, angle and scale to the least squares by Gauss-Newton steps; a step must improve."""

    def missed(values: Floats) -> Floats:
        return (pixel_coverage(kind, hand, *values.T, size=size) - seen).reshape(len(seen), -1)

    current = missed(geometry)
    for _ in range(_REFINEMENTS):
        slopes = [(missed(geometry + step) - current) / step.sum() for step in np.diag(_STEPS)]
        jacobian = np.stack(slopes, 2)  # (N, pixels, 4)
        normal = np.swapaxes(jacobian, 1, 2) @ jacobian + 1e-4 * np.eye(4, dtype=np.float32)
        gradient = (jacobian * current[..., None]).sum(1)
        moved = geometry - np.linalg.solve(normal, gradient[..., None])[..., 0].clip(-20, 20)
        moved[:, 3] = moved[:, 3].clip(1, SIZE)
        after = missed(moved)
        better = (after**2).sum(1) < (current**2).sum(1)
        geometry = np.where(better[:, None], moved, geometry)
        current = np.where(better[:, None], after, current)
    return geometry
