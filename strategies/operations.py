"""The operations of the augmentation space, batched, done by Kornia with parameters drawn here.

The parameters come from a generator of our own, so neither torch's global generator nor Kornia's is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from kornia import enhance
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from strategies.space import OPERATIONS

_DRAWS = 3  # per image and operation: does it fire, and two numbers for its parameters


class Draws:
    """Uniform numbers for a batch: a fixed block per operation, used or not, so operations do not shift."""

    def __init__(self, images: Tensor, ranges: Mapping[str, float], probability: float, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        numbers = torch.rand(len(OPERATIONS), len(images), _DRAWS, generator=generator)
        self._numbers = dict(zip(OPERATIONS, numbers.to(images.device), strict=True))
        self._ranges, self._probability = ranges, probability
        self._zeros = images.new_zeros(len(images))

    def fires(self, name: str) -> Tensor:
        """Say for which images the operation is applied. (B,) bool"""
        if name not in self._ranges:
            return self._zeros.bool()
        return self._numbers[name][:, 0] < self._probability

    def chance(self, name: str) -> Tensor:
        """Say for which images an operation whose range is a probability happens. (B,) bool"""
        return self.fires(name) & (self._numbers[name][:, 1] < self._ranges.get(name, 0.0))

    def symmetric(self, name: str, axis: int = 0) -> Tensor:
        """Draw from +-range where the operation fires, else exactly 0. (B,)"""
        value = (self._numbers[name][:, 1 + axis] * 2 - 1) * self._ranges.get(name, 0.0)
        return torch.where(self.fires(name), value, self._zeros)

    def factor(self, name: str) -> Tensor:
        """Draw (1 + range)^u, u in +-1, where the operation fires, else exactly 1. (B,)"""
        u = self._numbers[name][:, 1] * 2 - 1
        value = torch.exp(u * torch.log1p(torch.as_tensor(self._ranges.get(name, 0.0))))
        return torch.where(self.fires(name), value.to(u), self._zeros + 1)


def apply_operations(
    images: Tensor, ranges: Mapping[str, float], *, probability: float, seed: int, padding: str
) -> Tensor:
    """Apply the operations with ranges > 0 to images (B, C, H, W) in [0, 1].

    An image for which no operation fires is returned bit for bit.
    """
    draws = Draws(images, ranges, probability, seed)
    images = _select(draws.chance("x_flip"), images.flip(3), images)
    images = _select(draws.chance("y_flip"), images.flip(2), images)
    if {"rotation", "scale", "shift"} & ranges.keys():
        images = _warp(images, draws, padding)
    for name, change in _COLOUR.items():
        if name in ranges and (images.shape[1] == 3 or not OPERATIONS[name].colour_only):
            images = _select(draws.fires(name), change(images, draws).clamp(0, 1), images)
    if "cutout" in ranges:
        images = _cut(images, draws, ranges["cutout"])
    return images


def _select(where: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(where[:, None, None, None], then, otherwise)


def _warp(images: Tensor, draws: Draws, padding: str) -> Tensor:
    """Rotate and scale about the centre and shift, in one bilinear resampling."""
    batch, _, height, width = images.shape
    shift = torch.stack([draws.symmetric("shift", 0) * width, draws.symmetric("shift", 1) * height], 1)
    centre = images.new_tensor([(width - 1) / 2, (height - 1) / 2]).expand(batch, 2)
    factor = draws.factor("scale")
    matrix = get_affine_matrix2d(shift, centre, torch.stack([factor, factor], 1), draws.symmetric("rotation"))
    warped = warp_affine(images, matrix[:, :2], (height, width), padding_mode=padding, align_corners=True)
    moved = draws.fires("rotation") | draws.fires("scale") | draws.fires("shift")
    return _select(moved, warped.clamp(0, 1), images)


def _cut(images: Tensor, draws: Draws, range_: float) -> Tensor:
    """Set a square of side range * side to grey; its centre is uniform over the image."""
    _, _, height, width = images.shape
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, :]
    x = (draws.symmetric("cutout", 0) / range_ + 1)[:, None, None] * 0.5 * width
    y = (draws.symmetric("cutout", 1) / range_ + 1)[:, None, None] * 0.5 * height
    inside = ((rows + 0.5 - y).abs() < range_ * height / 2) & ((columns + 0.5 - x).abs() < range_ * width / 2)
    hit = inside & draws.fires("cutout")[:, None, None]
    return torch.where(hit[:, None], images.new_tensor(0.5), images)


_COLOUR: dict[str, Callable[[Tensor, Draws], Tensor]] = {
    "brightness": lambda x, d: enhance.adjust_brightness(x, d.symmetric("brightness"), clip_output=False),
    "contrast": lambda x, d: enhance.adjust_contrast(x, d.factor("contrast"), clip_output=False),
    "saturation": lambda x, d: enhance.adjust_saturation(x, d.factor("saturation")),
    "hue": lambda x, d: enhance.adjust_hue(x, torch.deg2rad(d.symmetric("hue"))),
}
