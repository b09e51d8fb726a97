"""The two stages of training PC-VQ2, counted in optimiser steps, free of any strategy's name.

Every draw of step k depends on (seed, stage, k) only, never on what was drawn before.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from pcvq2.config import PCVQ2Config, StageConfig
from pcvq2.prior import Prior
from pcvq2.randomness import derive_seed
from pcvq2.vqvae2 import VQVAE2

EVALUATED = 96  # images of each split looked at for a learning curve or by a strategy


class Augment(Protocol):
    """Turn a clean batch into a view: (B, C, H, W) floats in [0, 1] to the same shape.

    Returns (images, labels (B,) int64 or None). Returning the very tensor it was given means "identity":
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
    codes_shared: bool = False  # the stage was taken from the shared folder, not trained here
    selected_step: int = 0
    curve: list[dict[str, float | None]] = field(default_factory=list)  # rates in nats per image


class Optimiser:
    """Adam with linear warm-up, cosine decay to zero, gradient clipping and a guard against nan."""

    def __init__(self, module: nn.Module, config: StageConfig, stage: str) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.config, self.stage = config, stage
        self.adam = torch.optim.Adam(self.parameters, lr=config.learning_rate, fused=True)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        warm = max(1, round(self.config.warmup * self.config.steps))
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.config.steps))
        return self.config.learning_rate * min(1.0, (step + 1) / warm) * cosine

    def update(self, loss: Tensor, step: int) -> None:
        """Do one optimiser step; raises NonFiniteLoss."""
        self.adam.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        if not torch.isfinite(loss) or not torch.isfinite(norm):
            raise NonFiniteLoss(
                f"stage '{self.stage}', step {step}: loss {loss.item():.4g}, gradient norm {norm.item():.4g}"
            )
        for group in self.adam.param_groups:
            group["lr"] = self.rate(step)
        self.adam.step()


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


def train_codes(
    vqvae: VQVAE2,
    images: Tensor,
    config: PCVQ2Config,
    *,
    seed: int,
    augment: Augment | None = None,
    progress: Progress | None = None,
) -> None:
    """Train the VQ-VAE-2 on uint8 images (N, C, H, W)."""
    stage = config.codes_stage
    optimiser = Optimiser(vqvae, stage, "codes")
    batches = Batches(len(images), stage.batch, derive_seed(seed, "codes", "batches"))
    vqvae.variance.copy_((as_floats(images) * 2).var().clamp_min(1e-4))
    vqvae.train()
    for step in range(stage.steps):
        batch = as_floats(images[batches(step).to(images.device)])
        if augment is not None:
            batch, _ = augment(batch, stage="codes", step=step, steps=stage.steps)
        torch.manual_seed(derive_seed(seed, "codes", "draws", step))
        quantise = step >= config.vqvae.continuous * stage.steps
        optimiser.update(vqvae.losses(batch, quantise).total, step)
        if progress is not None:
            progress("codes", step + 1, stage.steps)
    vqvae.eval()


@torch.no_grad()
def encode_all(vqvae: VQVAE2, images: Tensor, batch: int = 256) -> list[Tensor]:
    """Encode uint8 images (N, C, H, W) to code maps (N, h, w), coarsest first."""
    chunks = [vqvae.encode(as_floats(chunk)) for chunk in images.split(batch)]
    return [torch.cat(maps) for maps in zip(*chunks, strict=True)]


@torch.no_grad()
def mean_nats(prior: Prior, maps: Sequence[Tensor], batch: int = 128) -> float:
    """Return the mean rate of code maps in nats per image, summed over levels, at the identity's label."""
    prior.eval()
    total = 0.0
    for start in range(0, len(maps[0]), batch):
        chunk = [m[start : start + batch] for m in maps]
        label = identity_label(prior, len(chunk[0]), chunk[0].device)
        total += float(torch.stack(prior.nats(chunk, label)).sum())
    return total / len(maps[0])


def identity_label(prior: Prior, count: int, device: torch.device) -> Tensor | None:
    """Return the label of un-augmented images: 0 for a prior that knows labels, else none."""
    return torch.zeros(count, dtype=torch.int64, device=device) if prior.networks[0].labels else None


def unigram_nats(maps: Sequence[Tensor]) -> float:
    """Return the mean nats per image of a model that knows only how often each code occurs."""
    total = 0.0
    for codes in maps:
        share = torch.bincount(codes.flatten()).double() / codes.numel()
        share = share[share > 0]
        total += float(-(share * share.log()).sum()) * codes[0].numel()
    return total


def _marks(steps: int, count: int) -> set[int]:
    """Spread `count` evaluations evenly: the numbers of steps done after which to evaluate."""
    return {round(steps * (i + 1) / count) for i in range(count)}


@dataclass(frozen=True)
class Splits:
    """Code maps of clean images: what the prior learns from, and what it is only measured on."""

    train: list[Tensor]
    validation: list[Tensor] | None
    heldout: list[Tensor] | None


class PriorStage:
    """Train the priors on codes; augmented views are encoded as they are drawn."""

    def __init__(self, prior: Prior, vqvae: VQVAE2, config: PCVQ2Config, splits: Splits, seed: int) -> None:
        self.prior, self.vqvae, self.splits, self.seed = prior, vqvae, splits, seed
        self.config, self.selection = config.prior_stage, config.selection
        self.averaged = copy.deepcopy(prior).requires_grad_(False)
        self.best: tuple[float, int, dict[str, Tensor]] | None = None
        self.curve: list[dict[str, float | None]] = []
        self.codes_per_image = sum(m[0].numel() for m in splits.train)
        self.unigram = unigram_nats(splits.train)

    def run(
        self,
        images: Tensor,
        *,
        augment: Augment | None = None,
        observe: Observe | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Do all steps on uint8 images (the training split); leave the selected weights in `prior`.

        Returns the step whose weights were selected.
        """
        config = self.config
        optimiser = Optimiser(self.prior, config, "prior")
        batches = Batches(len(images), config.batch, derive_seed(self.seed, "prior", "batches"))
        curve = _marks(config.steps, config.evaluations)
        watched = _marks(config.steps, config.observations) if self._watches(observe) else set()
        for step in range(config.steps):
            maps, label = self._view(images, batches(step).to(images.device), step, augment)
            torch.manual_seed(derive_seed(self.seed, "prior", "draws", step))
            self.prior.train()
            optimiser.update(self.prior.loss(maps, label), step)
            self._average(step)
            if step + 1 in curve | watched:
                self._evaluate(step + 1, observe if step + 1 in watched else None, step + 1 in curve)
            if progress is not None:
                progress("prior", step + 1, config.steps)
        return self._select()

    def _view(
        self, images: Tensor, index: Tensor, step: int, augment: Augment | None
    ) -> tuple[list[Tensor], Tensor | None]:
        stored = [m[index] for m in self.splits.train]
        if augment is None:
            return stored, identity_label(self.prior, len(index), images.device)
        clean = as_floats(images[index])
        view, label = augment(clean, stage="prior", step=step, steps=self.config.steps)
        if label is None:
            label = identity_label(self.prior, len(index), images.device)
        if view is clean:
            return stored, label
        with torch.no_grad():
            return self.vqvae.encode(view), label

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.polyak, (1 + step) / (10 + step))
        averaged = list(self.averaged.parameters())
        torch._foreach_lerp_(averaged, list(self.prior.parameters()), 1 - decay)

    def _watches(self, observe: Observe | None) -> bool:
        wanted = observe is not None or self.selection == "best_validation"
        return wanted and self.splits.validation is not None

    def _rate(self, maps: list[Tensor] | None) -> float | None:
        return None if maps is None else mean_nats(self.averaged, [m[:EVALUATED] for m in maps])

    def _evaluate(self, step: int, observe: Observe | None, on_curve: bool) -> None:
        """Measure the averaged weights on clean codes; held-out images go to the learning curve only."""
        train, validation = self._rate(self.splits.train), self._rate(self.splits.validation)
        assert train is not None
        if on_curve:
            heldout = self._rate(self.splits.heldout)
            row = {"train": train, "heldout": heldout, "validation": validation, "unigram": self.unigram}
            self.curve.append({"step": step, **row})
        if validation is None:
            return
        if self.selection == "best_validation" and (self.best is None or validation < self.best[0]):
            self.best = (validation, step, copy.deepcopy(self.averaged.state_dict()))
        if observe is not None:
            per_code = 1 / self.codes_per_image
            observe(
                progress=step / self.config.steps,
                rate_train=train * per_code,
                rate_validation=validation * per_code,
                rate_unigram=self.unigram * per_code,
            )

    def _select(self) -> int:
        if self.best is not None:
            self.prior.load_state_dict(self.best[2])
        else:
            self.prior.load_state_dict(self.averaged.state_dict())
        self.prior.eval()
        return self.best[1] if self.best is not None else self.config.steps


