"""A probe that sees what was done to an image: one small network, one output per operation of a space."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.metrics.names import FIRST_JUDGE, judge_version, probe_steps
from strategies.augmentation.catalogue import OPERATIONS

if TYPE_CHECKING:
    from strategies import AugmentationSpace

LARGEST = 64  # px; larger images are reduced to this side first
_STEPS, _BATCH, _RATE = 600, 64, 2e-3  # steps at the most
_CLEAN = 0.25  # share of each training batch that is left as it is


def events(space: AugmentationSpace) -> Tensor:
    """Say which operations happen or do not, instead of having a strength. (operations,) bool"""
    return torch.tensor([OPERATIONS[name].kind == "event" for name in space.ranges])


def amounts(space: AugmentationSpace, parameters: Tensor) -> Tensor:
    """Turn parameters (N, P) into one amount per operation, (N, operations) in [0, 1].

    Directions are left out: ranges are symmetric, so only how far an image was taken can leak. Two axes
    count by their mean; of quarter turns one at most is 1, so their sum says whether there was any.
    """
    columns, found = iter(parameters.abs().unbind(1)), []
    by_name = dict(zip(space.parameters, columns, strict=True))
    for name in space.ranges:
        own = [by_name[c] for c in (OPERATIONS[name].parameters or (name,))]
        total = torch.stack(own).sum(0)
        found.append(total if OPERATIONS[name].kind == "event" else total / len(own))
    return torch.stack(found, 1)


def _layer(convolution: nn.Conv2d, normalised: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(convolution.out_channels)] if normalised else []
    return [convolution, *norm, nn.ReLU()]


class Probe(nn.Module):
    """Three convolutions, a 4x4 grid of pooled features (places matter for shifts), two linear layers.

    Of images above 32 px the first convolution halves the side, a quarter of the work, and batches are
    normalised: 250 steps teach it more than 600 did.
    """

    def __init__(self, channels: int, space: AugmentationSpace, size: int) -> None:
        super().__init__()
        halves = judge_version(size) != FIRST_JUDGE
        kernel, stride = (4, 2) if halves else (3, 1)
        self.events = events(space)
        self.features = nn.Sequential(
            *_layer(nn.Conv2d(channels, 32, kernel, stride, padding=1), halves),
            *_layer(nn.Conv2d(32, 48, 3, stride=2, padding=1), halves),
            *_layer(nn.Conv2d(48, 64, 3, stride=2, padding=1), halves),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(64 * 16, 128),
            nn.ReLU(),
            nn.Linear(128, len(space.ranges)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits of events and amounts of the others, (N, operations), of floats in [0, 1]."""
        if images.shape[2] > LARGEST:
            images = F.adaptive_avg_pool2d(images, LARGEST)
        return self.features(images * 2 - 1)

    @torch.no_grad()
    def respond(self, images: Tensor) -> Tensor:
        """Return what the probe says of images (N, C, H, W) in [0, 1]: (N, operations)."""
        out = torch.cat([self(chunk) for chunk in images.split(256)])
        return torch.where(self.events.to(out.device), torch.sigmoid(out), out)


def steps_of(size: int) -> int:
    """Return for how many steps a probe is trained on images of so many pixels a side."""
    return min(_STEPS, probe_steps(size))


def train_probe(
    images: Tensor,
    space: AugmentationSpace,
    seed: int,
    tick: Callable[[], None] = lambda: None,
    *,
    steps: int | None = None,
) -> Probe:
    """Train on real images (N, C, H, W) in [0, 1], clean and with all operations mixed.

    A quarter of each batch is clean; of the others each operation fires with probability 1/2, at a strength
    that is drawn anew for each step. All operations are learned together: a probe of flips trained alone
    also fires on rotated images. The global generator is left as it was found. `tick` hears of each step.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        probe = Probe(images.shape[1], space, images.shape[2]).to(images.device)
    steps = steps or steps_of(images.shape[2])
    optimiser = torch.optim.Adam(probe.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator = torch.Generator().manual_seed(seed)
    happens = probe.events.to(images.device)
    for step in range(steps):
        batch = images[torch.randint(len(images), (_BATCH,), generator=generator).to(images.device)]
        strengths = dict(
            zip(space.ranges, torch.rand(len(space.ranges), generator=generator).tolist(), strict=True)
        )
        strengths = {n: 1.0 if OPERATIONS[n].kind == "event" else s for n, s in strengths.items()}
        drawn = space.draw_with_parameters(batch, strengths, probability=0.5, seed=seed + step)
        clean = (torch.rand(_BATCH, generator=generator) < _CLEAN).to(images.device)
        views = torch.where(clean[:, None, None, None], batch, drawn.images)
        target = amounts(space, drawn.parameters) * ~clean[:, None]
        out = probe(views)
        event_loss = F.binary_cross_entropy_with_logits(out, (target > 0).float(), reduction="none")
        loss = torch.where(happens, event_loss, 4 * (out - target).square()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        tick()
    return probe.eval()
