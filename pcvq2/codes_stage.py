"""The stage codes: train the VQ-VAE-2 on images (the stage prior: pcvq2/prior_stage.py)."""

from __future__ import annotations

import torch
from torch import Tensor

from pcvq2.prior import Prior
from pcvq2.trainer.optimiser import Optimiser
from pcvq2.trainer.steps import StageRun, compiled
from pcvq2.vqvae2 import VQVAE2


def as_floats(images: Tensor) -> Tensor:
    """Map stored uint8 images to float32 in [0, 1]."""
    return images.float() / 255


def train_codes(vqvae: VQVAE2, images: Tensor, run: StageRun) -> None:
    """Train the VQ-VAE-2 on uint8 images (N, C, H, W)."""
    config = run.config
    optimiser, batches = Optimiser(vqvae, config, run.stage), run.batches(images)
    vqvae.variance.copy_((as_floats(images) * 2).var().clamp_min(1e-4))
    vqvae.train()
    losses = compiled(vqvae.losses, config)
    for step in run.steps({"vqvae": vqvae, "adam": optimiser}):
        batch, condition = run.view(as_floats(images[batches(step).to(images.device)]), step)
        run.seed_draws(step)
        quantise = step >= vqvae.config.continuous * config.steps
        optimiser.update([losses(batch, quantise, condition).total], step)
    vqvae.eval()


@torch.no_grad()
def encode_all(vqvae: VQVAE2, images: Tensor, batch: int = 256) -> list[Tensor]:
    """Encode uint8 images (N, C, H, W) to code maps (N, h, w), coarsest first."""
    chunks = [vqvae.encode(as_floats(chunk)) for chunk in images.split(batch)]
    return [torch.cat(maps) for maps in zip(*chunks, strict=True)]


def identity_condition(prior: Prior, count: int, device: torch.device) -> Tensor | None:
    """Return the condition of un-augmented images: zeros for a prior that is told one, else none."""
    return torch.zeros(count, prior.conditions, device=device) if prior.conditions else None
