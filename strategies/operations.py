"""The operations of the augmentation space, batched; Kornia resamples, filters and turns colours."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from kornia import enhance
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from strategies.draws import Draws

_WARPS = ("rotation", "scale", "anisotropic_scale", "shift")
_DEVIATIONS = 3  # a blur's kernel reaches so many standard deviations


def apply_operations(images: Tensor, draws: Draws, padding: str) -> Tensor:
    """Apply what was drawn to images (B, C, H, W) in [0, 1].

    An image for which no operation fires is returned bit for bit. Flips, quarter turns and whole pixels are
    exact; all other geometry is one bilinear resampling. Raises ValueError for rot90 of images that are not
    square.
    """
    for name, change in _OPERATIONS.items():
        if name in draws.ranges:
            images = _select(draws.fires(name), change(images, draws, padding), images)
        elif name == "warp" and draws.ranges.keys() & set(_WARPS):
            images = change(images, draws, padding)
    return images


def _select(where: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(where[:, None, None, None], then, otherwise)


def _quarter_turn(images: Tensor, draws: Draws, padding: str) -> Tensor:
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"rot90 needs square images, got {images.shape[2]} x {images.shape[3]}")
    turns = draws.quarter_turns()
    for turn in (1, 2, 3):
        images = _select(turns == turn, images.rot90(turn, (2, 3)), images)
    return images


def _shift_pixels(images: Tensor, draws: Draws, padding: str) -> Tensor:
    """Move by whole pixels: look up each target's source row and column."""
    _, _, height, width = images.shape
    rows = torch.arange(height, device=images.device) - draws.pixels(1)[:, None]  # (B, H)
    columns = torch.arange(width, device=images.device) - draws.pixels(0)[:, None]  # (B, W)
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    if padding == "reflection":
        rows, columns = _mirror(rows, height), _mirror(columns, width)
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)  # from (B, H, W, C)
    return moved.masked_fill(outside[:, None], 0.0) if padding == "zeros" else moved


def _mirror(index: Tensor, side: int) -> Tensor:
    """Reflect positions outside [0, side) at the centres of the border pixels."""
    if side == 1:
        return torch.zeros_like(index)
    return (side - 1) - ((index % (2 * side - 2)) - (side - 1)).abs()


def _warp(images: Tensor, draws: Draws, padding: str) -> Tensor:
    """Scale along the axes, rotate about the centre and shift, in one bilinear resampling."""
    batch, _, height, width = images.shape
    shift = torch.stack([draws.symmetric("shift", 0) * width, draws.symmetric("shift", 1) * height], 1)
    centre = images.new_tensor([(width - 1) / 2, (height - 1) / 2]).expand(batch, 2)
    factor, wide = draws.factor("scale"), draws.factor("anisotropic_scale")
    matrix = get_affine_matrix2d(shift, centre, torch.stack([factor, factor], 1), draws.symmetric("rotation"))
    # the anisotropic part acts on the upright image: about the centre, before everything else
    stretch = torch.eye(3, device=images.device).repeat(batch, 1, 1)
    for axis, along in ((0, wide), (1, 1 / wide)):
        stretch[:, axis, axis] = along
        stretch[:, axis, 2] = centre[:, axis] * (1 - along)
    affine = (matrix @ stretch)[:, :2]
    warped = warp_affine(images, affine, (height, width), padding_mode=padding, align_corners=True)
    moved = torch.stack([draws.fires(name) for name in _WARPS]).any(0)
    return _select(moved, warped.clamp(0, 1), images)


def _blur(images: Tensor, draws: Draws, padding: str) -> Tensor:
    _, _, height, width = images.shape
    side = min(height, width)
    sigma = draws.deviation("blur").clamp_min(1e-3 / side)[:, None] * images.new_tensor([height, width])
    reach = math.ceil(_DEVIATIONS * draws.ranges["blur"] * max(height, width))
    size = 2 * min(max(1, reach), side - 1) + 1  # reflected borders are less than a side wide
    return gaussian_blur2d(images, (size, size), sigma, border_type="reflect").clamp(0, 1)


def _noise(images: Tensor, draws: Draws, padding: str) -> Tensor:
    noise = torch.randn(images.shape, generator=draws.generator("noise/pixels")).to(images.device)
    return (images + noise * draws.deviation("noise")[:, None, None, None]).clamp(0, 1)


def _cut(images: Tensor, draws: Draws, padding: str) -> Tensor:
    """Set a square of side range * side to grey; its centre is uniform over the image."""
    _, _, height, width = images.shape
    share = draws.ranges["cutout"]
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, :]
    x = (draws.uniform("cutout", 0) + 1)[:, None, None] * 0.5 * width
    y = (draws.uniform("cutout", 1) + 1)[:, None, None] * 0.5 * height
    inside = ((rows + 0.5 - y).abs() < share * height / 2) & ((columns + 0.5 - x).abs() < share * width / 2)
    return torch.where(inside[:, None], images.new_tensor(0.5), images)


_OPERATIONS: dict[str, Callable[[Tensor, Draws, str], Tensor]] = {
    "x_flip": lambda x, d, p: x.flip(3),
    "y_flip": lambda x, d, p: x.flip(2),
    "rot90": _quarter_turn,
    "integer_shift": _shift_pixels,
    "warp": _warp,
    "brightness": lambda x, d, p: enhance.adjust_brightness(
        x, d.symmetric("brightness"), clip_output=False
    ).clamp(0, 1),
    "contrast": lambda x, d, p: enhance.adjust_contrast(x, d.factor("contrast"), clip_output=False).clamp(
        0, 1
    ),
    "saturation": lambda x, d, p: enhance.adjust_saturation(x, d.factor("saturation")).clamp(0, 1),
    "hue": lambda x, d, p: enhance.adjust_hue(x, torch.deg2rad(d.symmetric("hue"))).clamp(0, 1),
    "blur": _blur,
    "noise": _noise,
    "cutout": _cut,
}
