"""Exact sampling from a GatedPixelCNN: every feature is computed once and kept where it is needed next.

The idea is that of Ramachandran et al. (2017), *Fast Generation for Convolutional Autoregressive Models*:
the vertical stack runs once per row, the horizontal stack once per pixel. The layout makes it fast:

- Rows are stored column first, (W, B, 2, C), so the three columns under a kernel are three slices of one
  buffer and each is a plain matrix (W * B, 2C): matrix products only, no im2col, no padding.
- The 2 is the two rows (for the horizontal stack, the two pixels) under a kernel. The new one is written
  to slot `row % 2`, over the oldest, and the weights exist in both orders: nothing is ever moved.
- Everything happens in place, for as many maps as stay in the cache (pcvq2/sampling.py cuts the batch).
- An attention layer keeps its keys and values and answers one query per pixel (pcvq2/attention.py).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pcvq2.attention import AttentionCache
from pcvq2.pixelcnn import GatedLayer, GatedPixelCNN

Choose = Callable[[int, int, Tensor], Tensor]  # (row, column, logits (B, codes)) -> codes (B,)


class InverseCDF:
    """Draw codes for B maps at once, in buffers that stay: a tenth faster than with fresh tensors."""

    def __init__(self, batch: int, codes: int, device: torch.device) -> None:
        self._cumulative = torch.empty(batch, codes, device=device)
        self._total = self._cumulative[:, -1:]
        self._targets = torch.empty(batch, 1, device=device)
        self._found = torch.empty(batch, 1, dtype=torch.int64, device=device)
        self._drawn = self._found[:, 0]

    def __call__(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Return the first code, (B,), whose cumulative probability exceeds its uniform, (B, 1).

        What is returned is overwritten by the next call.
        """
        torch.softmax(logits, 1, out=self._cumulative)
        self._cumulative.cumsum_(1)
        torch.mul(uniforms, self._total, out=self._targets)
        torch.searchsorted(self._cumulative, self._targets, right=True, out=self._found)
        return self._drawn


def invert_cdf(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Return what InverseCDF returns, in fresh tensors. logits (B, codes), uniforms (B, 1) -> (B,)"""
    batch, codes = logits.shape
    return InverseCDF(batch, codes, logits.device)(logits, uniforms)


class LayerWeights:
    """Copy one layer's weights as matrices (in, out), for both slots the new row or pixel may have."""

    def __init__(self, layer: GatedLayer) -> None:
        channels = layer.residual.weight.shape[0]
        old, new = layer.vertical.weight.permute(2, 3, 1, 0).contiguous()  # (column, C, 2C) each
        both = torch.cat((old, new, old), 1)
        self.vertical = both[:, channels:], both[:, : 2 * channels]  # (column, 2C, 2C): new first, old first
        old, new = layer.horizontal.weight[:, :, 0].permute(2, 1, 0).contiguous()  # (C, 2C) each
        both = torch.cat((old, new, old))
        self.horizontal = both[channels:], both[: 2 * channels]
        self.vertical_to_horizontal = matrix(layer.vertical_to_horizontal)
        self.residual = matrix(layer.residual)


class CachedSampler:
    """Hold a model's weights and features in the layout above, for B maps of H x W; reusable, not shared."""

    @torch.inference_mode()
    def __init__(
        self, model: GatedPixelCNN, batch: int, height: int, width: int, temperature: float = 1.0
    ) -> None:
        self.model, self.batch, self.height, self.width = model, batch, height, width
        self.embedding = model.embedding.weight
        self.layers = [LayerWeights(layer) for layer in model.gated_layers()]
        self.attentions = [
            None if layer is None else AttentionCache(layer, batch, height, width)
            for layer in model.attentions()
        ]
        self.hidden, self.hidden_bias = matrix(model.hidden), bias(model.hidden)
        self.output, self.output_bias = matrix(model.output) / temperature, bias(model.output) / temperature
        depth, channels, empty = len(self.layers), model.channels, self.embedding.new_empty
        self.v_input = empty(depth + 1, width, batch, 2, channels)
        self.v_gates = empty(width, batch, 2 * channels)
        self.h_input = empty(depth + 1, batch, 2, channels)
        self.h_gates = empty(depth, width, batch, 2 * channels)
        self.h_first, self.h_last = self.h_input[0].unbind(1), self.h_input[-1].unbind(1)
        self.gated, self.features = empty(batch, channels), empty(batch, channels)
        self.logits = empty(batch, model.codes)
        self.steps = [self._views(column) for column in range(width)]
        self.draw = InverseCDF(batch, model.codes, self.embedding.device)

    def _views(self, column: int) -> list[tuple[Tensor, ...]]:
        """Return what each layer touches at a column; making a view costs as much as a small product."""
        slot, channels = column % 2, self.model.channels
        seen = channels if column == 0 else 2 * channels  # there is nothing to the left of column 0
        now = self.h_input[:, :, slot].unbind()
        pairs = self.h_input.flatten(2)[:, :, :seen].unbind()
        gates = self.h_gates[:, column]
        signal, opening = gates.chunk(2, 2)
        horizontal = [layer.horizontal[slot][:seen] for layer in self.layers]
        residual = [layer.residual for layer in self.layers]
        return list(zip(gates, signal, opening, pairs, horizontal, now, residual, now[1:], strict=False))

    @torch.inference_mode()
    def decode(
        self, choose: Choose, context: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """Build code maps (B, H, W) int64 in raster order, asking `choose` for each pixel's codes.

        The logits handed to `choose` are divided by the temperature. What is returned is an inference
        tensor: copy it before using it in training.
        """
        self._condition(context, condition)
        shape = self.height, self.width, self.batch
        codes = torch.empty(shape, dtype=torch.int64, device=self.embedding.device)
        self.v_input[0, :, :, 0] = 0
        for row in range(self.height):
            self._vertical(row)
            self.h_first[0].zero_()
            for column, kept in enumerate(codes[row].unbind()):
                drawn = kept.copy_(choose(row, column, self._horizontal(row, column)))
                following = self.h_first[(column + 1) % 2]
                torch.index_select(self.embedding, 0, drawn, out=following)
                for attention in self.attentions:
                    if attention is not None:
                        attention.remember(row * self.width + column, following)
            self.v_input[0, :, :, (row + 1) % 2] = self.embedding[codes[row]]
        return codes.permute(2, 0, 1)

    def _condition(self, context: Tensor | None, condition: Tensor | None) -> None:
        """Collect what is added before the gates: per layer a constant (2, B, 2C) and the context's part."""
        model, split = self.model, (len(self.layers), 2, -1)
        model.check_given(context, condition)
        rows = [torch.stack((bias(x.vertical), bias(x.horizontal))) for x in model.gated_layers()]
        self.constant = torch.stack(rows)[:, :, None].repeat(1, 1, self.batch, 1)  # (layers, 2, B, 2C)
        self.context: Tensor | None = None
        if model.context_projection is not None and context is not None:
            self.constant += bias(model.context_projection).view(split)[:, :, None]
            self.context = context.permute(2, 3, 0, 1).flatten(1, 2).contiguous()  # (H, W * B, channels)
            weights = matrix(model.context_projection).unflatten(1, split)
            self.context_weights = weights.permute(1, 2, 0, 3).contiguous()  # (layers, 2, channels, 2C)
        if model.condition_projection is not None and condition is not None:
            self.constant += model.condition_projection(condition).unflatten(1, split).permute(1, 2, 0, 3)

    def _vertical(self, row: int) -> None:
        """Run the vertical stack over a row and write all it contributes to the horizontal gates."""
        slot, channels = row % 2, self.model.channels
        seen = channels if row == 0 else 2 * channels  # there is nothing above row 0
        # Before the first code is drawn, maps without a condition are all alike: one stands for all.
        alike = row == 0 and self.context is None and self.model.condition_projection is None
        maps = slice(0, 1 if alike else self.batch)
        for index, layer in enumerate(self.layers):
            v_gates, h_gates = self.v_gates[:, maps], self.h_gates[index, :, maps]
            v_gates.copy_(self.constant[index, 0, maps])
            h_gates.copy_(self.constant[index, 1, maps])
            if self.context is not None:
                v_gates.flatten(0, 1).addmm_(self.context[row], self.context_weights[index, 0])
                h_gates.flatten(0, 1).addmm_(self.context[row], self.context_weights[index, 1])
            pairs = self.v_input[index, :, maps].flatten(2)[:, :, :seen]  # (W, B, C or 2C)
            from_left, from_here, from_right = layer.vertical[slot][:, :seen]
            v_gates.flatten(0, 1).addmm_(pairs.flatten(0, 1), from_here)
            v_gates[1:].flatten(0, 1).addmm_(pairs[:-1].flatten(0, 1), from_left)
            v_gates[:-1].flatten(0, 1).addmm_(pairs[1:].flatten(0, 1), from_right)
            signal, opening = v_gates.sigmoid_().chunk(2, 2)
            v, next_v = self.v_input[index : index + 2, :, maps, slot]  # (W, B, C)
            torch.add(v, opening, out=next_v).addcmul_(signal, opening, value=-2)
            h_gates.flatten(0, 1).addmm_(next_v.flatten(0, 1), layer.vertical_to_horizontal)
        if alike:
            self.v_input[:, :, 1:, slot] = self.v_input[:, :, :1, slot]
            self.h_gates[:, :, 1:] = self.h_gates[:, :, :1]

    def _horizontal(self, row: int, column: int) -> Tensor:
        """Run the horizontal stack at one pixel; return logits (B, codes), divided by the temperature.

        What is returned is overwritten at the next pixel.
        """
        gated, pixel = self.gated, row * self.width + column
        for views, attention in zip(self.steps[column], self.attentions, strict=True):
            gates, signal, opening, pair, horizontal, h, residual, next_h = views
            gates.addmm_(pair, horizontal).sigmoid_()
            torch.addcmul(opening, signal, opening, value=-2, out=gated)
            torch.addmm(h, gated, residual, out=next_h)
            if attention is not None:
                attention.attend(pixel, next_h)
        torch.addmm(self.hidden_bias, self.h_last[column % 2].relu_(), self.hidden, out=self.features)
        return torch.addmm(self.output_bias, self.features.relu_(), self.output, out=self.logits)


def matrix(projection: torch.nn.Conv2d) -> Tensor:
    """Return the weight of a 1x1 convolution as a contiguous matrix (in, out)."""
    return projection.weight[:, :, 0, 0].T.contiguous()


def bias(convolution: torch.nn.Conv2d) -> Tensor:
    """Return a bias that is known to exist."""
    assert convolution.bias is not None
    return convolution.bias
