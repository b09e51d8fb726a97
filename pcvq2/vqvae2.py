"""VQ-VAE-2: an auto-encoder with a hierarchy of quantised code maps.

Source: Razavi, van den Oord, Vinyals (2019), *Generating Diverse High-Fidelity Images with VQ-VAE-2*.
The coarsest (top) map is quantised first; each finer level is quantised given the decoded coarser one; the
decoder sees every quantised map. All lists of levels in this package run from coarsest to finest.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcvq2.config import VQVAE2Config
from pcvq2.likelihood import log_prob_levels
from pcvq2.quantizer import EMAQuantizer
from pcvq2.trainer.precision import products


class Pixels(NamedTuple):
    """Parameters of the pixel distribution: a discretised logistic per sub-pixel."""

    mean: Tensor  # (B, C, H, W), in [-1, 1] units
    log_scale: Tensor  # (B, C, H, W)


class Losses(NamedTuple):
    """Terms of the training loss; `total` is what is minimised."""

    total: Tensor
    reconstruction: Tensor  # squared error / variance of the training images
    commitment: Tensor
    distortion: Tensor  # nats per sub-pixel; trains the scales only


class ResidualBlock(nn.Module):
    """relu, 3x3 to the bottleneck, relu, 1x1 back, add."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.conv3 = nn.Conv2d(width, bottleneck, 3, padding=1)
        self.conv1 = nn.Conv2d(bottleneck, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(F.relu(self.conv3(F.relu(x))))


def residual_stack(width: int, bottleneck: int, layers: int) -> nn.Sequential:
    """Stack residual blocks, closed by a relu. (B, width, H, W) -> same shape"""
    return nn.Sequential(*[ResidualBlock(width, bottleneck) for _ in range(layers)], nn.ReLU())


def _stack_of(config: VQVAE2Config) -> nn.Sequential:
    return residual_stack(config.hidden, config.residual_hidden, config.residual_layers)


def _encoder(inputs: int, factor: int, config: VQVAE2Config) -> nn.Sequential:
    """Shrink (B, inputs, H, W) to (B, hidden, H / factor, W / factor)."""
    layers: list[nn.Module] = []
    width = inputs
    while factor > 1:
        out = config.hidden // 2 if width == inputs else config.hidden
        layers += [nn.Conv2d(width, out, 4, stride=2, padding=1), nn.ReLU()]
        width, factor = out, factor // 2
    return nn.Sequential(*layers, nn.Conv2d(width, config.hidden, 3, padding=1), _stack_of(config))


def _decoder(inputs: int, factor: int, config: VQVAE2Config) -> nn.Sequential:
    """Grow (B, inputs, H, W) to (B, hidden, H * factor / 2, W * factor / 2); a head doubles once more."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, config.hidden, 3, padding=1), _stack_of(config)]
    while factor > 2:
        layers += [nn.ConvTranspose2d(config.hidden, config.hidden, 4, stride=2, padding=1), nn.ReLU()]
        factor //= 2
    return nn.Sequential(*layers)


def _double(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)


class VQVAE2(nn.Module):
    """Encode images to code maps and decode code maps to a distribution over pixels.

    Images are float (B, C, H, W) in [0, 1]. Training minimises
    |x - mean|^2 / variance + commitment * sum over levels |sg[e] - E(x)|^2, the codebooks follow by moving
    averages; the scale of the pixel distribution is fitted by its likelihood with the mean held fixed, so the
    mean is VQ-VAE-2's and the bound on -log p(x) is normalised.
    """

    variance: Tensor

    def __init__(self, config: VQVAE2Config, *, channels: int) -> None:
        super().__init__()
        self.config = config
        hidden, dim, depth = config.hidden, config.code_dim, len(config.downsample)
        widths = [channels] + [hidden] * (depth - 1)
        self.encoders = nn.ModuleList(
            _encoder(w, f, config) for w, f in zip(widths, config.downsample, strict=True)
        )  # finest first, as the image is read
        # everything below: coarsest first
        self.to_code = nn.ModuleList(nn.Conv2d(hidden + (dim if i else 0), dim, 1) for i in range(depth))
        self.quantizers = nn.ModuleList(
            EMAQuantizer(config.codes, dim, decay=config.decay, revive_below=config.revive_below)
            for _ in range(depth)
        )
        factors = tuple(reversed(config.downsample))
        self.decoders = nn.ModuleList(
            _decoder(2 * dim if level else dim, factor, config) for level, factor in enumerate(factors)
        )
        self.grow = nn.ModuleList(_double(hidden, dim) for _ in range(depth - 1))  # to the next finer level
        self.mean_head = _double(hidden, channels)
        self.scale_head = _double(hidden, channels)
        nn.init.zeros_(self.scale_head.weight)
        assert self.scale_head.bias is not None
        nn.init.constant_(self.scale_head.bias, -3.0)
        # built last and zero at the start: told nothing, or condition 0, it is the same auto-encoder
        told = config.conditions
        self.condition_projection = nn.Linear(told, dim, bias=False) if told else None
        if self.condition_projection is not None:
            nn.init.zeros_(self.condition_projection.weight)
        self.register_buffer("variance", torch.ones(()))  # of the training images, [-1, 1] units
        # a tenth faster on a CPU, and layer norm and quantiser read the maps this way round anyhow
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _descend(
        self, images: Tensor, quantise: bool = True, condition: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return (codes per level, summed commitment, decoder features) of images.

        Only the last decoder hears of the condition, so codes do not depend on it.
        """
        x = images * 2 - 1
        features = []
        for encoder in self.encoders:
            x = encoder(x)
            features.append(x)
        codes, commitment, decoded = [], images.new_zeros(()), None
        for level, feature in enumerate(reversed(features)):
            joined = feature if decoded is None else torch.cat([feature, decoded], 1)
            vectors = self.to_code[level](joined)
            if quantise:
                vectors, level_codes, level_commitment = self.quantizers[level](vectors)
                codes.append(level_codes)
                commitment = commitment + level_commitment
            decoded = self._decode_level(level, vectors, decoded, condition)
        return codes, commitment, decoded  # type: ignore[return-value]

    def _decode_level(
        self, level: int, vectors: Tensor, coarser: Tensor | None, condition: Tensor | None = None
    ) -> Tensor:
        """Decode one level's vectors beside the decoded coarser levels, up to the next finer level's size."""
        if level == len(self.grow) and self.condition_projection is not None and condition is not None:
            vectors = vectors + self.condition_projection(condition)[:, :, None, None]
        joined = vectors if coarser is None else torch.cat([vectors, coarser], 1)
        features = self.decoders[level](joined)
        return self.grow[level](features) if level < len(self.grow) else features

    def _pixels(self, features: Tensor) -> Pixels:
        # detached: the scale explains the error, it must not trade the error away
        log_scale = self.scale_head(features.detach()).float().clamp(-7.0, 2.0)
        return Pixels(self.mean_head(features).float(), log_scale)

    def losses(self, images: Tensor, quantise: bool = True, condition: Tensor | None = None) -> Losses:
        """Compute the training losses of images (B, C, H, W) in [0, 1]; moves the codebooks in training mode.

        `quantise=False` trains the plain auto-encoder: the first part of the stage, so that the codebooks
        start from features that mean something (ours). Codebooks that start from an untrained encoder tend
        to keep what it tells best, the place in the map: on 300 digits (tiny, 3 seeds, four settings) the
        top map came to hold fewer than 32 of 64 codes in 9 of 12 runs, one per place (entropy given the
        place: 0 nats in the run looked at), and in 0 of 18 after such a start.

        `condition` (B, conditions) says how images are a view; encode and decode leave it out, which is the
        identity's 0.
        """
        with products(self.config.precision if self.training else "float32", images.device):
            _, commitment, features = self._descend(images, quantise, condition)
            pixels = self._pixels(features)
        target = images * 2 - 1
        reconstruction = F.mse_loss(pixels.mean, target) / self.variance
        levels = (images * 255).round()
        distortion = -log_prob_levels(levels, pixels.mean.detach(), pixels.log_scale).mean()
        total = reconstruction + self.config.commitment * commitment + distortion
        return Losses(total, reconstruction, commitment, distortion)

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the code maps of images (B, C, H, W) in [0, 1]: (B, h, w) int64, coarsest first."""
        return self._descend(images)[0]

    def decode(self, codes: list[Tensor]) -> Pixels:
        """Return the pixel distribution given code maps, coarsest first."""
        decoded = None
        for level, level_codes in enumerate(codes):
            quantizer = self.quantizers[level]
            assert isinstance(quantizer, EMAQuantizer)
            decoded = self._decode_level(level, quantizer.lookup(level_codes), decoded)
        assert decoded is not None, "decode needs at least one code map"
        return self._pixels(decoded)
