"""Vector quantisation with a codebook that follows the encoder by exponential moving averages."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ROWS = 1024  # vectors compared at once: the (rows, codes) distances stay in the cache
_YOUNG_DECAY = 0.9  # the most that a codebook's first updates remember (ours)
_BLOCK = 64  # entries per block of a two-step argmax


class Quantized(NamedTuple):
    """What the quantiser returns."""

    vectors: Tensor  # (B, D, H, W), straight-through: the gradient reaches the encoder unchanged
    codes: Tensor  # (B, H, W) int64
    commitment: Tensor  # scalar, mean squared distance of the encoder's output to its code


class _StraightThrough(torch.autograd.Function):
    """Return the code vectors bit for bit, so that encode builds on what decode will see.

    The usual features + (vectors - features) rounds, and takes two passes over the map.
    """

    @staticmethod
    def forward(_: object, features: Tensor, vectors: Tensor) -> Tensor:
        return vectors.view_as(vectors)

    @staticmethod
    def backward(_: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class EMAQuantizer(nn.Module):
    """Map feature vectors to their nearest code; the codebook is a moving average, not a parameter.

    N_i <- g N_i + (1 - g) n_i;  m_i <- g m_i + (1 - g) sum of the vectors of code i;  e_i = m_i / N_i.
    Source: van den Oord, Vinyals, Kavukcuoglu (2017), appendix A.1; decay g = 0.99.
    Ours: the codebook starts from encoder outputs with N_i at its expected value (a start at zero divides
    by 1e-5 at the first update, rosinality/vq-vae-2-pytorch PR #72), and dead codes are revived after the
    write, resetting N_i and m_i together (lucidrains/vector-quantize-pytorch #45, encodec #61). The first 80
    updates use at most g = 0.9, the next ones what (1 + t) / (10 + t) allows: at 0.99 a codebook lags 100
    steps behind an encoder that still moves fast, and codes die faster than revival can place them.
    Random choices come from torch's global generator, which the trainer seeds for each step.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    updates: Tensor

    def __init__(self, codes: int, dim: int, *, decay: float = 0.99, revive_below: float = 0.1) -> None:
        super().__init__()
        self.codes, self.dim, self.decay, self.revive_below = codes, dim, decay, revive_below
        self.register_buffer("codebook", torch.zeros(codes, dim))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def assign(self, vectors: Tensor) -> Tensor:
        """Return the index of the nearest code for each vector. vectors: (N, D) -> (N,) int64."""
        # argmin |v - e|^2 = argmax (v . e - |e|^2 / 2); the |v|^2 term is the same for every code
        bias = -0.5 * self.codebook.square().sum(1)  # (K,)
        table = self.codebook.t()
        scores = vectors.new_empty(min(_ROWS, len(vectors)), self.codes)  # one buffer, warm in the cache
        return torch.cat(
            [
                _argmax(torch.addmm(bias, rows, table, out=scores[: len(rows)]))
                for rows in vectors.split(_ROWS)
            ]
        )

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the code vectors of an index map. codes: (B, H, W) -> (B, D, H, W)."""
        return F.embedding(codes, self.codebook).permute(0, 3, 1, 2)

    def forward(self, features: Tensor) -> Quantized:
        """Quantise features (B, D, H, W); in training mode also move the codebook."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            batch, _, height, width = features.shape
            flat = features.detach().permute(0, 2, 3, 1).reshape(-1, self.dim)  # (B*H*W, D)
            if self.training and not self.updates:
                self._initialise(flat)
            indices = self.assign(flat)
            codes = indices.view(batch, height, width)
            vectors = self.lookup(codes)
            commitment = F.mse_loss(features, vectors)
            if self.training:
                self._update(flat, indices)
            return Quantized(_StraightThrough.apply(features, vectors), codes, commitment)

    @torch.no_grad()
    def _initialise(self, flat: Tensor) -> None:
        mean_count = flat.shape[0] / self.codes
        self.codebook.copy_(_draw_rows(flat, self.codes))
        self.counts.fill_(mean_count)
        self.sums.copy_(self.codebook * mean_count)

    def _decay(self) -> float:
        """Return the decay of this update: a young codebook follows an encoder that still moves fast."""
        updates = int(self.updates)
        return min(self.decay, max(_YOUNG_DECAY, (1 + updates) / (10 + updates)))

    @torch.no_grad()
    def _update(self, flat: Tensor, indices: Tensor) -> None:
        counts = torch.bincount(indices, minlength=self.codes).to(flat.dtype)
        sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
        decay = self._decay()
        self.updates += 1
        self.counts.lerp_(counts, 1 - decay)
        self.sums.lerp_(sums, 1 - decay)
        threshold = self.revive_below * flat.shape[0] / self.codes
        dead = self.counts < threshold
        # always drawn, so that the number of dead codes does not shift later draws of this step
        fresh = _draw_rows(flat, self.codes)
        patience = 2 * threshold  # a revived code has ln(2) / (1 - decay) steps to find vectors
        self.counts.copy_(torch.where(dead, torch.full_like(self.counts, patience), self.counts))
        self.sums.copy_(torch.where(dead[:, None], fresh * patience, self.sums))
        self.codebook.copy_(self.sums / self.counts[:, None])


def _argmax(scores: Tensor) -> Tensor:
    """Return the index of each row's largest entry, the first of equals. (N, K) -> (N,) int64

    torch's argmax takes as long on a CPU as the matrix product before it, its amax a tenth of that: so find
    the block that holds the maximum first, then the place within the block.
    """
    rows, codes = scores.shape
    if codes < 128 or codes % _BLOCK:
        return scores.argmax(1)
    blocks = scores.view(-1, _BLOCK)
    per_row = codes // _BLOCK
    block = blocks.amax(1).view(rows, per_row).argmax(1)
    first = torch.arange(0, len(blocks), per_row, device=scores.device)
    return torch.add(blocks.index_select(0, first + block).argmax(1), block, alpha=_BLOCK)


def _draw_rows(flat: Tensor, n: int) -> Tensor:
    """Draw n rows of (N, D); when rows must repeat, a little noise tells the copies apart."""
    if flat.shape[0] >= n:
        return flat[torch.randperm(flat.shape[0], device=flat.device)[:n]]
    rows = flat[torch.randint(flat.shape[0], (n,), device=flat.device)]
    return rows + torch.randn_like(rows) * (0.01 * flat.std() / flat.shape[1] ** 0.5)
