"""VQ-VAE-2 as it is commonly written: float32, eager, NCHW, one-hot quantiser.

The measure of tests/speed/training.py.

The quantiser is that of rosinality/vq-vae-2-pytorch; layers and losses are those of pcvq2/vqvae2.py, so that
the weights and the loss of one can be compared with the other's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pcvq2.config import VQVAE2Config
from pcvq2.likelihood import log_prob_levels


class OneHotQuantizer(nn.Module):
    """Find the nearest code by the full distance, average by a product with the one-hot matrix."""

    def __init__(self, codes: int, dim: int, decay: float) -> None:
        super().__init__()
        self.codes, self.decay = codes, decay
        self.register_buffer("codebook", torch.randn(codes, dim))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", self.codebook.clone())

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = features.permute(0, 2, 3, 1)  # (B, H, W, D)
        flat = x.reshape(-1, x.shape[-1])
        table = self.codebook.t()
        distance = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ table + table.pow(2).sum(0, keepdim=True)
        indices = (-distance).max(1).indices
        one_hot = F.one_hot(indices, self.codes).type(flat.dtype)  # (N, K)
        codes = indices.view(*x.shape[:-1])
        vectors = F.embedding(codes, self.codebook)
        if self.training:
            self.update(flat.detach(), one_hot)
        commitment = (vectors.detach() - x).pow(2).mean()
        return (x + (vectors - x).detach()).permute(0, 3, 1, 2), codes, commitment

    @torch.no_grad()
    def update(self, flat: Tensor, one_hot: Tensor) -> None:
        self.counts.mul_(self.decay).add_(one_hot.sum(0), alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(one_hot.t() @ flat, alpha=1 - self.decay)
        n = self.counts.sum()
        smoothed = (self.counts + 1e-5) / (n + self.codes * 1e-5) * n
        self.codebook.copy_(self.sums / smoothed[:, None])


class Residual(nn.Module):
    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, bottleneck, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(bottleneck, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + x


class PlainVQVAE2(nn.Module):
    """Two levels, downsample (2, 2). Parameters come in the order of `pcvq2.vqvae2.VQVAE2`."""

    def __init__(self, config: VQVAE2Config, channels: int) -> None:
        super().__init__()
        assert config.downsample == (2, 2)
        width, dim, self.config = config.hidden, config.code_dim, config

        def stack() -> list[nn.Module]:
            blocks = [Residual(width, config.residual_hidden) for _ in range(config.residual_layers)]
            return [*blocks, nn.ReLU(inplace=True)]

        def encoder(inputs: int) -> nn.Sequential:
            half = width // 2
            first = [nn.Conv2d(inputs, half, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
            return nn.Sequential(*first, nn.Conv2d(half, width, 3, padding=1), *stack())

        def decoder(inputs: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), *stack())

        self.encode_bottom, self.encode_top = encoder(channels), encoder(width)
        self.code_top, self.code_bottom = nn.Conv2d(width, dim, 1), nn.Conv2d(width + dim, dim, 1)
        self.decode_top, self.decode_bottom = decoder(dim), decoder(2 * dim)
        self.upsample = nn.ConvTranspose2d(width, dim, 4, stride=2, padding=1)
        self.mean = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1)
        self.log_scale = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1)
        self.quantize_top = OneHotQuantizer(config.codes, dim, config.decay)
        self.quantize_bottom = OneHotQuantizer(config.codes, dim, config.decay)
        self.variance = 1.0

    def loss(self, images: Tensor) -> Tensor:
        """Return the training loss of images (B, C, H, W) in [0, 1]."""
        target = images * 2 - 1
        bottom = self.encode_bottom(target)
        top = self.code_top(self.encode_top(bottom))
        top, _, top_commitment = self.quantize_top(top)
        decoded = self.upsample(self.decode_top(top))
        bottom = self.code_bottom(torch.cat([bottom, decoded], 1))
        bottom, _, bottom_commitment = self.quantize_bottom(bottom)
        features = self.decode_bottom(torch.cat([bottom, decoded], 1))
        mean, log_scale = self.mean(features), self.log_scale(features.detach()).clamp(-7.0, 2.0)
        reconstruction = F.mse_loss(mean, target) / self.variance
        distortion = -log_prob_levels((images * 255).round(), mean.detach(), log_scale).mean()
        return reconstruction + self.config.commitment * (top_commitment + bottom_commitment) + distortion
