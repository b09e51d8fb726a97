"""The hierarchical prior p(top) p(bottom | top) over code maps: one gated PixelCNN per level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcvq2.config import Precision, PriorConfig
from pcvq2.pixelcnn import GatedPixelCNN
from pcvq2.sampling import MapSampler
from pcvq2.trainer.precision import products
from pcvq2.vqvae2 import residual_stack


class ContextStack(nn.Module):
    """Turn all coarser code maps into a context map for the next finer level.

    VQ-VAE-2's "conditioning stack": embed, residual blocks at the nearest coarser resolution, enlarge.
    """

    def __init__(self, codes: int, coarser: int, config: PriorConfig) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(codes, config.channels) for _ in range(coarser))
        self.enter = nn.Conv2d(config.channels, config.channels, 3, padding=1)
        self.blocks = residual_stack(config.channels, config.channels, config.context_layers)

    def forward(self, coarser: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return (B, channels, *size) from code maps (B, h, w), coarsest first."""
        nearest = coarser[-1].shape[1:]
        features: Tensor | None = None
        for codes, embedding in zip(coarser, self.embeddings, strict=True):
            embedded = F.interpolate(embedding(codes).permute(0, 3, 1, 2), size=nearest)
            features = embedded if features is None else features + embedded
        assert features is not None
        return F.interpolate(self.blocks(self.enter(features)), size=size)


def _apart(codes: int, **options: Any) -> GatedPixelCNN:
    """Build a network from one draw of the global generator: what it has more shifts no other's weights."""
    seed = int(torch.randint(2**62, ()))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GatedPixelCNN(codes, **options)


class Prior(nn.Module):
    """Model code maps, coarsest first, each given all coarser ones and optionally a condition (B, D)."""

    def __init__(self, config: PriorConfig, *, codes: int, levels: int) -> None:
        super().__init__()
        self.conditions = config.conditions
        self.precision: Precision = config.precision
        self.networks = nn.ModuleList(
            _apart(
                codes,
                channels=config.channels,
                layers=config.layers,
                dropout=config.dropout,
                context_channels=config.channels if level else 0,
                conditions=config.conditions,
                attention_heads=0 if level else config.attention_heads,
                attention_every=config.attention_every,
            )
            for level in range(levels)
        )
        self.contexts = nn.ModuleList(ContextStack(codes, level, config) for level in range(1, levels))

    def context(self, level: int, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor | None:
        """Return what the coarser maps tell a level, (B, channels, *size); None for the coarsest."""
        return self.contexts[level - 1](maps[:level], size) if level else None

    def nats(self, maps: Sequence[Tensor], condition: Tensor | None = None) -> list[Tensor]:
        """Return -log p of each level's map given the coarser ones, in nats per image: (B,) per level."""
        result = []
        for level, (network, codes) in enumerate(zip(self.networks, maps, strict=True)):
            with products(self.precision if self.training else "float32", codes.device):
                context = self.context(level, maps, (codes.shape[1], codes.shape[2]))
                logits = network(codes, context, condition)  # (B, K, H, W)
            result.append(F.cross_entropy(logits.float(), codes, reduction="none").sum((1, 2)))
        return result

    def loss(self, maps: Sequence[Tensor], condition: Tensor | None = None) -> Tensor:
        """Return the sum over levels of the mean nats per code; the levels share no parameter."""
        nats = self.nats(maps, condition)
        return torch.stack(
            [n.mean() / codes[0].numel() for n, codes in zip(nats, maps, strict=True)],
        ).sum()

    def sample(
        self, uniforms: Sequence[Tensor], condition: Tensor | None = None, temperature: float = 1.0
    ) -> list[Tensor]:
        """Draw code maps from uniform numbers in [0, 1), one (B, h, w) tensor per level, coarsest first."""
        return PriorSampler(self, temperature)(uniforms, condition)


class PriorSampler:
    """Draw code maps batch after batch, level after level, with what was prepared for the first batch."""

    def __init__(
        self, prior: Prior, temperature: float = 1.0, *, pulse: Callable[[], None] | None = None
    ) -> None:
        self.prior = prior
        self.levels = []
        for network in prior.networks:
            assert isinstance(network, GatedPixelCNN)
            self.levels.append(MapSampler(network, temperature, pulse=pulse))

    @torch.no_grad()
    def __call__(self, uniforms: Sequence[Tensor], condition: Tensor | None = None) -> list[Tensor]:
        """Return code maps (B, h, w) int64 for uniforms of those shapes, coarsest first."""
        maps: list[Tensor] = []
        for level, (draw, uniform) in enumerate(zip(self.levels, uniforms, strict=True)):
            context = self.prior.context(level, maps, (uniform.shape[1], uniform.shape[2]))
            maps.append(draw(uniform, context, condition))
        return maps
