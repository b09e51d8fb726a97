"""Adam with the schedule, clipping and guard that every stage shares."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pcvq2.trainer.settings import StageConfig


class NonFiniteLoss(RuntimeError):
    """A loss or gradient was nan or inf; the message says in which stage and at which step."""


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
