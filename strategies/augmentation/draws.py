"""Random parameters of the operations, as a function of (seed, operation, image position)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from strategies.augmentation.catalogue import OPERATIONS

_DRAWS = 3  # per image and operation: does it fire, and two numbers for its parameters


class Draws:
    """Hold what is drawn for a batch; ranges (> 0) are those of this step.

    Every operation has a generator of its own, so neither torch's nor Kornia's global one is touched.
    """

    def __init__(
        self,
        images: Tensor,
        ranges: Mapping[str, float],
        probability: float,
        seed: int,
        *,
        linear: bool = False,
    ) -> None:
        grey = images.shape[1] == 1
        self.ranges = {n: r for n, r in ranges.items() if not (grey and OPERATIONS[n].colour_only)}
        self.probability, self.seed, self._like, self._linear = probability, seed, images, linear
        self._numbers = {
            name: torch.rand(len(images), _DRAWS, generator=self.generator(name)).to(images.device)
            for name in self.ranges
        }
        self._zeros = torch.zeros(len(images), device=images.device)

    def generator(self, name: str) -> torch.Generator:
        """Return a fresh generator for an operation's draws."""
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)

    def fires(self, name: str) -> Tensor:
        """Say for which images the operation is applied. (B,) bool"""
        if name not in self.ranges:
            return self._zeros.bool()
        fires = self._numbers[name][:, 0] < self.probability
        if OPERATIONS[name].kind == "event":
            fires = fires & (self._numbers[name][:, 1] < self.ranges[name])
        return fires

    def uniform(self, name: str, axis: int = 0) -> Tensor:
        """Draw from [-1, 1] where the operation fires, else exactly 0. (B,)"""
        if name not in self.ranges:
            return self._zeros
        return torch.where(self.fires(name), self._numbers[name][:, 1 + axis] * 2 - 1, self._zeros)

    def symmetric(self, name: str, axis: int = 0) -> Tensor:
        """Draw from +-range where the operation fires, else exactly 0. (B,)"""
        return self.uniform(name, axis) * self.ranges.get(name, 0.0)

    def deviation(self, name: str) -> Tensor:
        """Draw from [0, range] where the operation fires, else exactly 0. (B,)"""
        if name not in self.ranges:
            return self._zeros
        return torch.where(self.fires(name), self._numbers[name][:, 1] * self.ranges[name], self._zeros)

    def factor(self, name: str) -> Tensor:
        """Draw (1 + range)^u or 1 + range u, u in [-1, 1], where the operation fires, else exactly 1. (B,)"""
        if self._linear:
            return 1 + self.symmetric(name)
        return torch.exp(self.uniform(name) * math.log1p(self.ranges.get(name, 0.0)))

    def quarter_turns(self) -> Tensor:
        """Draw how often an image turns by 90 degrees: 0 where rot90 does not fire, else 1, 2 or 3. (B,)"""
        if "rot90" not in self.ranges:
            return self._zeros.long()
        turns = 1 + (self._numbers["rot90"][:, 2] * 3).long().clamp_max(2)
        return torch.where(self.fires("rot90"), turns, 0)

    def pixels(self, axis: int) -> Tensor:
        """Draw by how many whole pixels integer_shift moves along x (axis 0) or y (axis 1). (B,) int64"""
        side = self._like.shape[3 - axis]
        return (self.symmetric("integer_shift", axis) * side).round().long()

    def parameters(self, full: Mapping[str, float]) -> Tensor:
        """Return what was drawn as shares of the full ranges, (B, P), in the order of OPERATIONS."""
        columns: list[Tensor] = []
        for name in (n for n in OPERATIONS if n in full):
            columns += self._columns(name, full[name])
        return torch.stack(columns, 1) if columns else self._zeros[:, None][:, :0]

    def _columns(self, name: str, full: float) -> list[Tensor]:
        named = OPERATIONS[name].parameters or (name,)
        if name not in self.ranges:
            return [self._zeros] * len(named)
        share, kind = self.ranges[name] / full, OPERATIONS[name].kind
        if kind == "factor" and not self._linear:
            share = math.log1p(self.ranges[name]) / math.log1p(full)
        if kind == "pixels":
            sides = self._like.shape[3], self._like.shape[2]
            return [self.pixels(axis) / max(1.0, full * side) for axis, side in enumerate(sides)]
        if kind == "event":
            turns = self.quarter_turns() if len(named) > 1 else self.fires(name).long()
            return [(turns == turn).float() for turn in range(1, len(named) + 1)]
        if kind == "deviation":
            return [self.deviation(name) / full]
        if kind == "size":
            return [self.fires(name).float() * share]
        return [self.uniform(name, axis) * share for axis in range(len(named))]
