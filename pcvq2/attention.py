"""Causal self-attention over the pixels of a code map, for training and, pixel by pixel, for sampling.

Source: Chen et al. (2017), *PixelSNAIL: An Improved Autoregressive Generative Model*; its use in the top
prior, with several heads and dropout on the attention: Razavi et al. (2019), VQ-VAE-2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalAttention(nn.Module):
    """Let every pixel look up features and codes of all earlier pixels in raster order.

    As in PixelSNAIL a query is made of a pixel's own features and its coordinates, keys and values of
    features, coordinates and the pixel's code, so one layer sees the whole past. That is why the mask must
    be strict: keys and values are moved on by one pixel, and the place this frees holds zeros. It stands
    for "nothing": all that the first pixel sees, and what any other pixel may look at instead.
    Deviations: one hidden relu layer where PixelSNAIL has gated residual blocks; the heads share channels / 2
    (PixelSNAIL's repository: one head, queries and keys of 16, values of 128, 256 channels; rosinality's
    VQ-VAE-2: 8 heads of 16 there); dropout acts on the weights after the softmax, where VQ-VAE-2 says logits.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        inner = heads * max(1, channels // (2 * heads))
        self.query_hidden = nn.Linear(channels + 2, channels)
        self.query = nn.Linear(channels, inner)
        self.memory_hidden = nn.Linear(2 * channels + 2, channels)
        self.memory = nn.Linear(channels, 2 * inner)
        self.residual = nn.Linear(inner, channels, bias=False)

    def forward(self, h: Tensor, embedded: Tensor) -> Tensor:
        """Return what to add to the features h (B, C, H, W), given the embedded codes (B, H, W, C)."""
        height, width = h.shape[2:]
        h, embedded = h.flatten(2).transpose(1, 2), embedded.flatten(1, 2)  # (B, H * W, C)
        place = coordinates(height, width, h).expand(len(h), -1, -1)
        query = self.query(F.relu(self.query_hidden(torch.cat((h, place), 2))))
        memory = self.memory(F.relu(self.memory_hidden(torch.cat((h, embedded, place), 2))))
        memory = F.pad(memory, (0, 0, 1, -1))  # pixel p now holds pixel p - 1
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, H * W, d)
            for part in (query, *memory.chunk(2, dim=2))
        )
        dropout = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
        return self.residual(seen.transpose(1, 2).flatten(2)).transpose(1, 2).unflatten(2, (height, width))


class AttentionCache:
    """Keep one attention layer's keys and values for B maps of H x W and answer one pixel at a time.

    Call `attend` and, once the pixel's code is known, `remember`, in raster order. Weights are copied.
    """

    def __init__(self, layer: CausalAttention, batch: int, height: int, width: int) -> None:
        weights = (layer.query_hidden.weight.T, layer.memory_hidden.weight.T)  # (C + 2, C), (2C + 2, C)
        channels = weights[0].shape[1]
        place = coordinates(height, width, weights[0])
        biases = torch.cat((layer.query_hidden.bias, layer.memory_hidden.bias))
        # Features feed the query and the memory in one product; all that depends on the place is a bias.
        self.of_h = torch.cat([w[:channels] for w in weights], 1)  # (C, 2C)
        self.of_code = weights[1][channels : 2 * channels].contiguous()  # (C, C)
        self.of_place = (place @ torch.cat([w[-2:] for w in weights], 1) + biases).unbind()  # (2C,) each
        inner = layer.query.out_features
        self.scale = (inner // layer.heads) ** -0.5
        self.query, self.query_bias = layer.query.weight.T.contiguous(), layer.query.bias
        self.memory, self.memory_bias = layer.memory.weight.T.contiguous(), layer.memory.bias
        self.residual = layer.residual.weight.T.contiguous()
        self.split = batch * layer.heads, 1, inner // layer.heads
        # Slot p holds pixel p - 1; slot 0 is the "nothing" that is always there.
        self.keys = place.new_zeros(batch * layer.heads, height * width, inner // layer.heads)
        self.values = torch.zeros_like(self.keys)
        self.of_memory = place.new_empty(batch, channels)

    def attend(self, pixel: int, h: Tensor) -> None:
        """Add to the features h (B, C) of a pixel, in place, what it sees at earlier pixels."""
        hidden, self.of_memory = torch.addmm(self.of_place[pixel], h, self.of_h).chunk(2, dim=1)
        query = torch.addmm(self.query_bias, hidden.relu_(), self.query).view(self.split)
        keys, values = self.keys[:, : pixel + 1], self.values[:, : pixel + 1]  # (B * heads, seen, d)
        weights = torch.bmm(query, keys.mT).mul_(self.scale).softmax(2)
        seen = torch.bmm(weights, values).view(len(h), len(self.residual))
        h.addmm_(seen, self.residual)

    def remember(self, pixel: int, embedded: Tensor) -> None:
        """Keep the key and value of the pixel just attended from, given its embedded code (B, C)."""
        if pixel + 1 == len(self.of_place):
            return  # nobody comes after the last pixel
        hidden = self.of_memory.addmm_(embedded, self.of_code).relu_()
        key, value = torch.addmm(self.memory_bias, hidden, self.memory).chunk(2, dim=1)
        self.keys[:, pixel + 1], self.values[:, pixel + 1] = (
            x.reshape(self.split)[:, 0] for x in (key, value)
        )


def coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """Return each pixel's row and column, from -1 to 1: (H * W, 2), of the type and device of `like`."""
    sides = (torch.linspace(-1, 1, side, dtype=like.dtype, device=like.device) for side in (height, width))
    return torch.cartesian_prod(*sides)
