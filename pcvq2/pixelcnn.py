"""A gated PixelCNN over code maps: the prior p(codes | context, condition) of one VQ-VAE-2 level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcvq2.attention import CausalAttention


class GatedLayer(nn.Module):
    """Update both stacks: the vertical one sees the rows above, the horizontal one the pixels to the left.

    The inputs of the first layer are already shifted by one pixel, so every layer may look at its own
    position and all layers are alike. The vertical stack feeds the horizontal one, never the reverse:
    that order is what removes the blind spot.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.vertical = nn.Conv2d(channels, 2 * channels, (2, 3))
        self.horizontal = nn.Conv2d(channels, 2 * channels, (1, 2))
        self.vertical_to_horizontal = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.residual = nn.Conv2d(channels, channels, 1, bias=False)
        self.dropout = dropout

    def forward(self, v: Tensor, h: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the next (v, h), each (B, C, H, W); offset, before the gates, is (B, 4C, H or 1, W or 1)."""
        v_gates = self.vertical(F.pad(v, (1, 1, 1, 0)))  # (B, 2C, H, W)
        h_gates = self.horizontal(F.pad(h, (1, 0, 0, 0)))  # (B, 2C, H, W)
        if offset is not None:
            v_offset, h_offset = offset.chunk(2, dim=1)
            v_gates = v_gates + v_offset
            h_gates = h_gates + h_offset
        v = v + dropout(gate(v_gates), self.dropout, self.training)
        h_gates = h_gates + self.vertical_to_horizontal(v)
        h = h + self.residual(dropout(gate(h_gates), self.dropout, self.training))
        return v, h


class GatedPixelCNN(nn.Module):
    """Model a map of codes pixel by pixel in raster order, with an optional context map and condition.

    Source: van den Oord et al. (2016), *Conditional Image Generation with PixelCNN Decoders*. Here codes
    are embedded instead of one-hot, kernels are 3 wide, and the vertical stack is residual too,
    and dropout acts on the gated features of both stacks.

    With attention_heads > 0 the horizontal stack attends to all earlier pixels after the last layer and
    every attention_every layers before it, as in PixelSNAIL (Chen et al., 2017) and VQ-VAE-2's top prior
    (Razavi et al., 2019; 4 times in 20 layers, 8 heads each, by kamenbliznashki's re-implementation).
    """

    def __init__(
        self,
        codes: int,
        *,
        channels: int = 32,
        layers: int = 4,
        dropout: float = 0.1,
        context_channels: int = 0,
        conditions: int = 0,
        attention_heads: int = 0,
        attention_every: int = 5,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        if attention_heads < 0 or attention_every < 1:
            raise ValueError(f"cannot attend with {attention_heads} heads every {attention_every} layers")
        self.codes, self.channels = codes, channels
        self.context_channels, self.conditions = context_channels, conditions
        self.embedding = nn.Embedding(codes, channels)
        self.layers = nn.ModuleList(GatedLayer(channels, dropout) for _ in range(layers))
        # One projection serves all layers: 4C numbers each, 2C for either stack.
        gates = 4 * channels * layers
        self.context_projection = nn.Conv2d(context_channels, gates, 1) if context_channels else None
        self.hidden = nn.Conv2d(channels, channels, 1)
        self.output = nn.Conv2d(channels, codes, 1)
        # Built last, so that all other weights start the same with and without these two.
        attending = range(layers - 1, -1, -attention_every)[::-1] if attention_heads else ()
        self.attention = nn.ModuleDict(
            {str(index): CausalAttention(channels, attention_heads, dropout) for index in attending}
        )
        # no bias and zero at the start: condition 0 is the model that was never told anything
        self.condition_projection = nn.Linear(conditions, gates, bias=False) if conditions else None
        if self.condition_projection is not None:
            nn.init.zeros_(self.condition_projection.weight)

    def forward(
        self, codes: Tensor, context: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """Return logits (B, codes, H, W); those at a pixel depend on earlier pixels in raster order only.

        codes (B, H, W) int64; context (B, context_channels, H, W); condition (B, conditions),
        0 for the identity. Raises ValueError when a context or condition is missing, or given to a model
        built without.
        """
        self.check_given(context, condition)
        embedded = self.embedding(codes)  # (B, H, W, C)
        v = F.pad(embedded.permute(0, 3, 1, 2), (0, 0, 1, -1))  # row r now holds row r - 1; (B, C, H, W)
        h = F.pad(embedded.permute(0, 3, 1, 2), (1, -1))  # column c now holds column c - 1
        offsets = self.gate_offsets(context, condition)
        for layer, attention, offset in zip(self.layers, self.attentions(), offsets, strict=True):
            v, h = layer(v, h, offset)
            if attention is not None:
                h = h + attention(h, embedded)
        return self.output(F.relu(self.hidden(F.relu(h))))

    def gated_layers(self) -> list[GatedLayer]:
        """Return the layers, typed."""
        return [layer for layer in self.layers if isinstance(layer, GatedLayer)]

    def attentions(self) -> list[CausalAttention | None]:
        """Return what follows each layer: an attention or None."""
        found = {int(key): a for key, a in self.attention.items() if isinstance(a, CausalAttention)}
        return [found.get(index) for index in range(len(self.layers))]

    def gate_offsets(self, context: Tensor | None, condition: Tensor | None) -> Sequence[Tensor | None]:
        """Return what is added before the gates of each layer: None or (B, 4C, H or 1, W or 1)."""
        total: Tensor | None = None
        if self.context_projection is not None:
            total = self.context_projection(context)
        if self.condition_projection is not None:
            told = self.condition_projection(condition)[:, :, None, None]
            total = told if total is None else total + told
        return [None] * len(self.layers) if total is None else total.chunk(len(self.layers), dim=1)

    def check_given(self, context: Tensor | None, condition: Tensor | None) -> None:
        """Raise ValueError when a context or condition is missing, or given to a model built without."""
        for name, given, built in (
            ("context", context is not None, self.context_projection is not None),
            ("condition", condition is not None, self.condition_projection is not None),
        ):
            if given != built:
                raise ValueError(f"this GatedPixelCNN {'needs a' if built else 'was built without'} {name}")


def gate(features: Tensor) -> Tensor:
    """Return sigmoid(b) - 2 sigmoid(a) sigmoid(b), where a and b are the halves of the channels.

    This is -tanh(a / 2) sigmoid(b): the paper's tanh gate up to the sign and scale of the weights before
    it, written so that one sigmoid serves both halves (on a CPU tanh costs about five times as much).
    """
    signal, opening = torch.sigmoid(features).chunk(2, dim=1)
    return torch.addcmul(opening, signal, opening, value=-2)


def dropout(features: Tensor, rate: float, training: bool) -> Tensor:
    """Zero features with probability rate and scale the others up; on a CPU twice as fast as F.dropout."""
    if not training or rate == 0:
        return features
    # float32 whatever the features are: bfloat16 draws know 256 values, which shifts the rate
    kept = torch.rand(features.shape, device=features.device).ge_(rate).mul_(1 / (1 - rate))
    return features * kept.to(features.dtype)
