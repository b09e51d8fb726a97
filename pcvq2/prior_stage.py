"""The stage prior: train the PixelCNNs on the codes of a finished VQ-VAE-2."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pcvq2.codes_stage import as_floats, identity_condition
from pcvq2.prior import Prior
from pcvq2.trainer.checkpoint import Stateful
from pcvq2.trainer.optimiser import Optimiser
from pcvq2.trainer.session import Observe
from pcvq2.trainer.settings import Selection
from pcvq2.trainer.steps import StageRun, compiled
from pcvq2.vqvae2 import VQVAE2

EVALUATED = 96  # images of each split looked at for a learning curve or by a strategy


@torch.no_grad()
def mean_nats(prior: Prior, maps: Sequence[Tensor], batch: int = 128) -> float:
    """Return the mean rate of code maps in nats per image, summed over levels, at condition 0."""
    prior.eval()
    total = 0.0
    for start in range(0, len(maps[0]), batch):
        chunk = [m[start : start + batch] for m in maps]
        condition = identity_condition(prior, len(chunk[0]), chunk[0].device)
        total += float(torch.stack(prior.nats(chunk, condition)).sum())
    return total / len(maps[0])


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

    def __init__(
        self, prior: Prior, vqvae: VQVAE2, splits: Splits, run: StageRun, selection: Selection = "last"
    ) -> None:
        self.prior, self.vqvae, self.splits = prior, vqvae, splits
        self.run, self.config, self.selection = run, run.config, selection
        self.loss = compiled(prior.loss, self.config)
        self.averaged = copy.deepcopy(prior).requires_grad_(False)
        self.best: tuple[float, int, dict[str, Tensor]] | None = None
        self.curve: list[dict[str, float | None]] = []
        self.codes_per_image = sum(m[0].numel() for m in splits.train)
        self.unigram = unigram_nats(splits.train)

    def train(self, images: Tensor, observe: Observe | None = None) -> int:
        """Do all steps on uint8 images (the training split); leave the selected weights in `prior`.

        Returns the step whose weights were selected.
        """
        config = self.config
        optimiser, batches = Optimiser(self.prior, config, self.run.stage), self.run.batches(images)
        curve = _marks(config.steps, config.evaluations)
        watched = _marks(config.steps, config.observations) if self._watches(observe) else set()
        parts: dict[str, Stateful] = {
            "prior": self.prior,
            "averaged": self.averaged,
            "adam": optimiser,
            "stage": self,
        }
        for step in self.run.steps(parts):
            maps, condition = self._view(images, batches(step).to(images.device), step)
            self.run.seed_draws(step)
            self.prior.train()
            optimiser.update(self._losses(maps, condition), step)
            self._average(step)
            if step + 1 in curve | watched:
                self._evaluate(step + 1, observe if step + 1 in watched else None, step + 1 in curve)
        return self._select()

    def _losses(self, maps: list[Tensor], condition: Tensor | None) -> Iterator[Tensor]:
        """Yield the loss in parts that sum to the mean over the batch, one micro-batch after the other."""
        batch = len(maps[0])
        size = self.config.micro_batch or batch
        for start in range(0, batch, size):
            part = [m[start : start + size] for m in maps]
            told = None if condition is None else condition[start : start + size]
            yield self.loss(part, told) * (len(part[0]) / batch)

    def state_dict(self) -> dict[str, Any]:
        """Return what evaluations have left: the learning curve and the best weights so far."""
        state: dict[str, Any] = {"curve": list(self.curve)}
        if self.best is not None:
            rate, step, weights = self.best
            state |= {"best_rate": rate, "best_step": step} | {f"best.{k}": v for k, v in weights.items()}
        return state

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Restore what `state_dict` returned."""
        self.curve, self.best = list(state["curve"]), None
        if "best_step" in state:
            weights = {k.removeprefix("best."): v for k, v in state.items() if k.startswith("best.")}
            self.best = (state["best_rate"], state["best_step"], weights)

    def _view(self, images: Tensor, index: Tensor, step: int) -> tuple[list[Tensor], Tensor | None]:
        stored = [m[index] for m in self.splits.train]
        if self.run.augment is None:
            return stored, identity_condition(self.prior, len(index), images.device)
        clean = as_floats(images[index])
        view, condition = self.run.view(clean, step)
        if condition is None:
            condition = identity_condition(self.prior, len(index), images.device)
        if view is clean:
            return stored, condition
        with torch.no_grad():
            return self.vqvae.encode(view), condition

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.polyak, (1 + step) / (10 + step))
        averaged: list[Tensor] = list(self.averaged.parameters())
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
