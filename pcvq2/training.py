"""What the two stages of training share, and the stage codes; counted in optimiser steps, free of any
strategy's name (the stage prior: pcvq2/prior_stage.py).

Every draw of step k depends on (seed, stage, k) only, never on what was drawn before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pcvq2.checkpoint import Checkpoint, Stateful
from pcvq2.config import PCVQ2Config, StageConfig
from pcvq2.prior import Prior
from pcvq2.randomness import derive_seed
from pcvq2.vqvae2 import VQVAE2


class Augment(Protocol):
    """Turn a clean batch into a view: (B, C, H, W) floats in [0, 1] to the same shape.

    Returns (images, conditions (B, D) or None). Returning the very tensor it was given means "identity":
    the prior then uses the codes encoded once. `step` of `steps` have been done in `stage`.
    """

    def __call__(
        self, images: Tensor, *, stage: str, step: int, steps: int
    ) -> tuple[Tensor, Tensor | None]: ...


class Observe(Protocol):
    """Receive clean-code rates in nats per code, dropout off, at the evaluations of the stage prior."""

    def __call__(
        self, *, progress: float, rate_train: float, rate_validation: float, rate_unigram: float
    ) -> None: ...


Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all


class NonFiniteLoss(RuntimeError):
    """A loss or gradient was nan or inf; the message says in which stage and at which step."""


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


def compiled(loss: Callable[..., Any], config: StageConfig) -> Callable[..., Any]:
    """Return a stage's loss, compiled where its configuration says so."""
    return torch.compile(loss) if config.compile else loss


class Optimiser:
    """Adam with linear warm-up, half a cosine down to zero, gradient clipping and a guard against nan."""

    def __init__(self, module: nn.Module, config: StageConfig, stage: str) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.config, self.stage = config, stage
        self.adam = torch.optim.Adam(self.parameters, lr=config.learning_rate, fused=True)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        warm = max(1, round(self.config.warmup * self.config.steps))
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.config.steps))
        return self.config.learning_rate * min(1.0, (step + 1) / warm) * cosine**self.config.cosine_power

    def update(self, losses: Iterable[Tensor], step: int) -> None:
        """Do one optimiser step on the sum of losses, each freed before the next is made; NonFiniteLoss."""
        self.adam.zero_grad()
        parts = []
        for part in losses:
            part.backward()
            parts.append(part.detach())
        loss = torch.stack(parts).sum()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        if not torch.isfinite(loss) or not torch.isfinite(norm):
            raise NonFiniteLoss(
                f"stage '{self.stage}', step {step}: loss {loss.item():.4g}, gradient norm {norm.item():.4g}"
            )
        for group in self.adam.param_groups:
            group["lr"] = self.rate(step)
        self.adam.step()

    def state_dict(self) -> dict[str, Any]:
        """Return Adam's moments and step counts by the parameter's position; the rate is the step's."""
        state = self.adam.state_dict()["state"]
        return {f"{index}.{key}": value for index, values in state.items() for key, value in values.items()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Restore what `state_dict` returned."""
        by_parameter: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            index, _, key = name.partition(".")
            # laid out in memory like the parameter: the fused step walks both side by side
            like = self.parameters[int(index)] if value.dim() else value
            by_parameter.setdefault(int(index), {})[key] = torch.empty_like(like).copy_(value)
        groups = self.adam.state_dict()["param_groups"]
        self.adam.load_state_dict({"state": by_parameter, "param_groups": groups})


class Batches:
    """Draw batches without replacement within an epoch, as a function of (seed, step)."""

    def __init__(self, count: int, batch: int, seed: int) -> None:
        self.count, self.batch, self.seed = count, batch, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def _at(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
            self._epoch, self._order = epoch, torch.randperm(self.count, generator=generator)
        return self._order

    def __call__(self, step: int) -> Tensor:
        """Return the image indices of a step. (batch,) int64"""
        positions = range(step * self.batch, (step + 1) * self.batch)
        by_epoch: dict[int, list[int]] = {}
        for position in positions:
            by_epoch.setdefault(position // self.count, []).append(position % self.count)
        return torch.cat([self._at(epoch)[places] for epoch, places in by_epoch.items()])


def as_floats(images: Tensor) -> Tensor:
    """Map stored uint8 images to float32 in [0, 1]."""
    return images.float() / 255


def steps_left(steps: int, parts: dict[str, Stateful], checkpoint: Checkpoint | None) -> Iterable[int]:
    """Return the steps a stage has yet to do, after restoring its parts where there is a checkpoint."""
    return range(steps) if checkpoint is None else checkpoint.steps(steps, parts)


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
