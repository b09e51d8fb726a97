"""What the two stages of training share, and the stage codes; counted in optimiser steps, free of any
strategy's name (the stage prior: pcvq2/prior_stage.py).

Every draw of step k depends on (seed, stage, k) only, never on what was drawn before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pcvq2.config import PCVQ2Config
from pcvq2.prior import Prior
from pcvq2.trainer.batches import Batches
from pcvq2.trainer.checkpoint import Checkpoint
from pcvq2.trainer.optimiser import Optimiser
from pcvq2.trainer.randomness import derive_seed
from pcvq2.trainer.steps import Augment, Progress, compiled, steps_left
from pcvq2.vqvae2 import VQVAE2


@dataclass
class FitLog:
    """What training left behind beside the weights."""

    images_seen: int = 0
    codes_seconds: float = 0.0
    prior_seconds: float = 0.0
    earlier_seconds: float = 0.0  # of these two, spent by processes that this one went on from
    precision_codes: str = ""  # what "auto" came to
    precision_prior: str = ""
    codes_shared: bool = False  # the stage was taken from the shared folder, not trained here
    selected_step: int = 0
    curve: list[dict[str, float | None]] = field(default_factory=list)  # rates in nats per image


def as_floats(images: Tensor) -> Tensor:
    """Map stored uint8 images to float32 in [0, 1]."""
    return images.float() / 255


def train_codes(
    vqvae: VQVAE2,
    images: Tensor,
    config: PCVQ2Config,
    *,
    seed: int,
    augment: Augment | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train the VQ-VAE-2 on uint8 images (N, C, H, W)."""
    stage = config.codes_stage
    optimiser = Optimiser(vqvae, stage, "codes")
    batches = Batches(len(images), stage.batch, derive_seed(seed, "codes", "batches"))
    vqvae.variance.copy_((as_floats(images) * 2).var().clamp_min(1e-4))
    vqvae.train()
    losses = compiled(vqvae.losses, stage)
    for step in steps_left(stage.steps, {"vqvae": vqvae, "adam": optimiser}, checkpoint):
        batch, condition = as_floats(images[batches(step).to(images.device)]), None
        if augment is not None:
            batch, condition = augment(batch, stage="codes", step=step, steps=stage.steps)
        torch.manual_seed(derive_seed(seed, "codes", "draws", step))
        quantise = step >= config.vqvae.continuous * stage.steps
        optimiser.update([losses(batch, quantise, condition).total], step)
        if progress is not None:
            progress("codes", step + 1, stage.steps)
    vqvae.eval()


@torch.no_grad()
def encode_all(vqvae: VQVAE2, images: Tensor, batch: int = 256) -> list[Tensor]:
    """Encode uint8 images (N, C, H, W) to code maps (N, h, w), coarsest first."""
    chunks = [vqvae.encode(as_floats(chunk)) for chunk in images.split(batch)]
    return [torch.cat(maps) for maps in zip(*chunks, strict=True)]


def identity_condition(prior: Prior, count: int, device: torch.device) -> Tensor | None:
    """Return the condition of un-augmented images: zeros for a prior that is told one, else none."""
    return torch.zeros(count, prior.conditions, device=device) if prior.conditions else None
