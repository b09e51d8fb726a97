"""What each operation of the catalogue does to pixels, batched; Kornia resamples and filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from strategies.augmentation.catalogue import OPERATIONS
from strategies.augmentation.draws import Draws

if TYPE_CHECKING:
    from strategies.augmentation.space import AugmentationSpace

GREY = 0.5  # the 0 of sources whose pixels lie in [-1, 1]
_WARPS = tuple(name for name, operation in OPERATIONS.items() if operation.warps)
_COLOURS = ("brightness", "contrast", "saturation", "hue")
_DEVIATIONS = 3  # a blur's kernel reaches so many standard deviations


def apply_operations(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    """Apply what was drawn to images (B, C, H, W) in [0, 1].

    An image for which no operation fires is returned bit for bit. Flips, quarter turns and whole pixels are
    exact; all other geometry is one bilinear resampling. Colours leave [0, 1] between operations, as in the
    sources, and are clamped after the last. Raises ValueError for rot90 of images that are not square.
    """
    warped = False
    for name, operation in OPERATIONS.items():
        if name not in draws.ranges or (operation.warps and warped):
            continue
        if operation.warps:
            images, warped = _warp(images, draws, space), True
            continue
        images = _select(draws.fires(name), _CHANGES[name](images, draws, space), images)
        if name in _COLOURS and not draws.ranges.keys() & set(_COLOURS[_COLOURS.index(name) + 1 :]):
            images = images.clamp(0, 1)
    return images


def _select(where: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(where[:, None, None, None], then, otherwise)


def _quarter_turn(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"rot90 needs square images, got {images.shape[2]} x {images.shape[3]}")
    turns = draws.quarter_turns()
    for turn in (1, 2, 3):
        images = _select(turns == turn, images.rot90(turn, (2, 3)), images)
    return images


def _shift_pixels(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    """Move by whole pixels: look up each target's source row and column."""
    _, _, height, width = images.shape
    rows = torch.arange(height, device=images.device) - draws.pixels(1)[:, None]  # (B, H)
    columns = torch.arange(width, device=images.device) - draws.pixels(0)[:, None]  # (B, W)
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    if space.padding == "reflection":
        rows, columns = _mirror(rows, height), _mirror(columns, width)
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)  # from (B, H, W, C)
    filled = {"zeros": 0.0, "grey": GREY}
    return moved.masked_fill(outside[:, None], filled[space.padding]) if space.padding in filled else moved


def _mirror(index: Tensor, side: int) -> Tensor:
    """Reflect positions outside [0, side) at the centres of the border pixels."""
    if side == 1:
        return torch.zeros_like(index)
    return (side - 1) - ((index % (2 * side - 2)) - (side - 1)).abs()


def _warp(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
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
    ground = GREY if space.padding == "grey" else 0.0
    mode = "zeros" if space.padding == "grey" else space.padding
    warped = warp_affine(images - ground, affine, (height, width), padding_mode=mode, align_corners=True)
    warped = warped + ground
    moved = torch.stack([draws.fires(name) for name in _WARPS]).any(0)
    return _select(moved, warped.clamp(0, 1), images)


def _blur(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    _, _, height, width = images.shape
    side = min(height, width)
    sigma = draws.deviation("blur").clamp_min(1e-3 / side)[:, None] * images.new_tensor([height, width])
    reach = math.ceil(_DEVIATIONS * draws.ranges["blur"] * max(height, width))
    size = 2 * min(max(1, reach), side - 1) + 1  # reflected borders are less than a side wide
    return gaussian_blur2d(images, (size, size), sigma, border_type="reflect").clamp(0, 1)


def _noise(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    noise = torch.randn(images.shape, generator=draws.generator("noise/pixels")).to(images.device)
    return (images + noise * draws.deviation("noise")[:, None, None, None]).clamp(0, 1)


def _cut(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    """Set a square of side range * side to grey; its centre is uniform over the image."""
    _, _, height, width = images.shape
    share = draws.ranges["cutout"]
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, :]
    x = (draws.uniform("cutout", 0) + 1)[:, None, None] * 0.5 * width
    y = (draws.uniform("cutout", 1) + 1)[:, None, None] * 0.5 * height
    inside = ((rows + 0.5 - y).abs() < share * height / 2) & ((columns + 0.5 - x).abs() < share * width / 2)
    return torch.where(inside[:, None], images.new_tensor(GREY), images)


def _brighten(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    return images + _each(draws.symmetric("brightness"))


def _contrast(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    """Scale the distance from grey, or from the image's own mean over channels and pixels."""
    mean = space.contrast_about == "mean"
    centre = images.mean((1, 2, 3), keepdim=True) if mean else images.new_tensor(GREY)
    return centre + (images - centre) * _each(draws.factor("contrast"))


def _saturate(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    """Scale each pixel's distance from the grey axis."""
    grey = images.mean(1, keepdim=True)
    return grey + (images - grey) * _each(draws.factor("saturation"))


def _turn_hue(images: Tensor, draws: Draws, space: AugmentationSpace) -> Tensor:
    """Turn colours about the grey axis v = (1, 1, 1) / sqrt(3): Rodrigues' rotation, exact on any device."""
    angle = _each(torch.deg2rad(draws.symmetric("hue")))
    grey = images.mean(1, keepdim=True)  # along v
    across = (images.roll(1, 1) - images.roll(-1, 1)) / math.sqrt(3)  # v x colour: (B - G, R - B, G - R)
    return grey + (images - grey) * angle.cos() + across * angle.sin()


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]  # (B,) -> (B, 1, 1, 1)


# rotation, scale, anisotropic_scale and shift are one resampling: _warp
_CHANGES: dict[str, Callable[[Tensor, Draws, AugmentationSpace], Tensor]] = {
    "x_flip": lambda images, draws, space: images.flip(3),
    "y_flip": lambda images, draws, space: images.flip(2),
    "rot90": _quarter_turn,
    "integer_shift": _shift_pixels,
    "brightness": _brighten,
    "contrast": _contrast,
    "saturation": _saturate,
    "hue": _turn_hue,
    "blur": _blur,
    "noise": _noise,
    "cutout": _cut,
}
