"""Vector quantisation with a codebook that follows the encoder by exponential moving averages."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ROWS = 2048  # vectors compared at once: the (rows, codes) distances stay in the cache


class Quantized(NamedTuple):
    """What the quantiser returns."""

    vectors: Tensor  # (B, D, H, W), straight-through: the gradient reaches the encoder unchanged
    codes: Tensor  # (B, H, W) int64
    commitment: Tensor  # scalar, mean squared distance of the encoder's output to its code


class EMAQuantizer(nn.Module):
    """Map feature vectors to their nearest code; the codebook is a moving average, not a parameter.

    N_i <- g N_i + (1 - g) n_i;  m_i <- g m_i + (1 - g) sum of the vectors of code i;  e_i = m_i / N_i.
    Source: van den Oord, Vinyals, Kavukcuoglu (2017), appendix A.1; decay g = 0.99.
    Ours: the codebook starts from encoder outputs with N_i at its expected value (a start at zero divides
    by 1e-5 at the first update, rosinality/vq-vae-2-pytorch PR #72), and dead codes are revived after the
    write, resetting N_i and m_i together (lucidrains/vector-quantize-pytorch #45, encodec #61).
    Random choices come from torch's global generator, which the trainer seeds for each step.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    initialised: Tensor

    def __init__(self, codes: int, dim: int, *, decay: float = 0.99, revive_below: float = 0.03) -> None:
        super().__init__()
        self.codes, self.dim, self.decay, self.revive_below = codes, dim, decay, revive_below
        self.register_buffer("codebook", torch.zeros(codes, dim))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))
        self.register_buffer("initialised", torch.zeros((), dtype=torch.bool))

    def assign(self, vectors: Tensor) -> Tensor:
        """Return the index of the nearest code for each vector. vectors: (N, D) -> (N,) int64."""
        # argmin |v - e|^2 = argmax (v . e - |e|^2 / 2); the |v|^2 term is the same for every code
        bias = -0.5 * self.codebook.square().sum(1)  # (K,)
        table = self.codebook.t()
        return torch.cat([torch.addmm(bias, rows, table).argmax(1) for rows in vectors.split(_ROWS)])

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the code vectors of an index map. codes: (B, H, W) -> (B, D, H, W)."""
        return F.embedding(codes, self.codebook).permute(0, 3, 1, 2)

    def forward(self, features: Tensor) -> Quantized:
        """Quantise features (B, D, H, W); in training mode also move the codebook."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            batch, _, height, width = features.shape
            flat = features.detach().permute(0, 2, 3, 1).reshape(-1, self.dim)  # (B*H*W, D)
            if self.training and not self.initialised:
                self._initialise(flat)
            indices = self.assign(flat)
            codes = indices.view(batch, height, width)
            vectors = self.lookup(codes)
            commitment = F.mse_loss(features, vectors)
            if self.training:
                self._update(flat, indices)
            return Quantized(features + (vectors - features).detach(), codes, commitment)

    @torch.no_grad()
    def _initialise(self, flat: Tensor) -> None:
        mean_count = flat.shape[0] / self.codes
        self.codebook.copy_(_draw_rows(flat, self.codes))
        self.counts.fill_(mean_count)
        self.sums.copy_(self.codebook * mean_count)
        self.initialised.fill_(True)

    @torch.no_grad()
    def _update(self, flat: Tensor, indices: Tensor) -> None:
        counts = torch.bincount(indices, minlength=self.codes).to(flat.dtype)
        sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        threshold = self.revive_below * flat.shape[0] / self.codes
        dead = self.counts < threshold
        # always drawn, so that the number of dead codes does not shift later draws of this step
        fresh = _draw_rows(flat, self.codes)
        patience = 2 * threshold  # a revived code has ln(2) / (1 - decay) steps to find vectors
        self.counts.copy_(torch.where(dead, torch.full_like(self.counts, patience), self.counts))
        self.sums.copy_(torch.where(dead[:, None], fresh * patience, self.sums))
        self.codebook.copy_(self.sums / self.counts[:, None])


def _draw_rows(flat: Tensor, n: int) -> Tensor:
    """Draw n rows of (N, D); when rows must repeat, a little noise tells the copies apart."""
    if flat.shape[0] >= n:
        return flat[torch.randperm(flat.shape[0], device=flat.device)[:n]]
    rows = flat[torch.randint(flat.shape[0], (n,), device=flat.device)]
    return rows + torch.randn_like(rows) * (0.01 * flat.std() / flat.shape[1] ** 0.5)
