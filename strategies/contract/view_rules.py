"""The rules of a view: what a model may be shown, and told about it; for the battery and for every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strategies.contract.answers import shown
from strategies.contract.base import View

if TYPE_CHECKING:
    from torch import Tensor


def broken_rule(view: object, images: Tensor, size: int) -> str | None:
    """Return the rule that a view of images (B, C, H, W) breaks, None for a sound one.

    `size`: how many numbers per image the strategy tells. Codes of a nan are some codes and a condition of
    nan is a loss of nan much later, so both are looked for here.
    """
    if not isinstance(view, View):
        return f"augment returns a View, not {type(view).__name__}"
    return _about_images(view.images, images) or _about_condition(view.condition, images, size)


def _about_images(views: object, images: Tensor) -> str | None:
    import torch

    if views is images:
        return None
    if not isinstance(views, torch.Tensor):
        return f"views are tensors, not {type(views).__name__}"
    if views.shape != images.shape:
        return f"views keep the shape {tuple(images.shape)}, got {tuple(views.shape)}"
    if views.dtype != images.dtype:
        return f"views are float32 in [0, 1], got {views.dtype}"
    if views.device != images.device:
        return f"views stay on their images' device {images.device}, got {views.device}"
    if views.requires_grad:
        return "views carry no gradient; draw them under torch.no_grad()"
    low, high = torch.aminmax(views)  # a nan is both
    if not (low >= 0 and high <= 1):
        return f"views stay in [0, 1], these go from {low:.3g} to {high:.3g}"
    return None


def _about_condition(told: object, images: Tensor, size: int) -> str | None:
    import torch

    if told is None:
        return None
    rule = f"condition is finite float32 (B, condition_size): ({len(images)}, {size})"
    if not isinstance(told, torch.Tensor):
        return f"{rule}, got {shown(told)}"
    if not size:
        return f"{rule}: a strategy that tells one names its size in condition_size(space)"
    if tuple(told.shape) != (len(images), size) or told.dtype != torch.float32:
        return f"{rule}, got {told.dtype} {tuple(told.shape)}"
    if told.device != images.device:
        return f"condition stays on its images' device {images.device}, got {told.device}"
    return None if bool(told.isfinite().all()) else f"{rule}, got nan or infinity"
