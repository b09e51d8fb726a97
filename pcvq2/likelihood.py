"""Normalised pixel likelihood of the decoder, and the ledger rate + distortion in bits per dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BITS_PER_NAT = 1.0 / math.log(2.0)
_HALF_BIN = 1.0 / 255.0  # half the distance of two 8-bit levels when 0..255 is mapped to [-1, 1]


def log_prob_levels(levels: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return log p(level) in nats of 8-bit levels under a discretised logistic.

    levels: integers 0..255, any shape; mean (in [-1, 1] units) and log_scale broadcast against it.
    The bins of level 0 and 255 reach to -inf and +inf, so the 256 probabilities sum to one exactly.
    Source: Salimans et al. (2017), *PixelCNN++*, equation 2, with one component. Deviation: the difference
    of two sigmoids is written as a product, sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - exp(b - a)),
    which needs no threshold to stay finite in the tails.
    """
    value = levels.to(mean.dtype) * (2.0 / 255.0) - 1.0
    inverse_scale = torch.exp(-log_scale)
    upper = (value + _HALF_BIN - mean) * inverse_scale
    lower = (value - _HALF_BIN - mean) * inverse_scale
    log_upper = torch.where(levels == 255, torch.zeros_like(upper), F.logsigmoid(upper))
    log_lower = torch.where(levels == 0, torch.zeros_like(lower), F.logsigmoid(-lower))
    inner = (levels > 0) & (levels < 255)
    log_width = torch.log(-torch.expm1(-2 * _HALF_BIN * inverse_scale))
    return log_upper + log_lower + torch.where(inner, log_width, torch.zeros_like(log_upper))


@dataclass(frozen=True)
class Ledger:
    """Hold the terms of -log2 p(x) <= sum of rates + distortion, per image, in bits per dimension.

    rates: level name -> (N,) bits of the code map / (C H W); distortion: (N,) bits of the pixels given the
    codes / (C H W). The bound holds because p(x) >= p(codes(x)) p(x | codes(x)).
    """

    rates: dict[str, Tensor]
    distortion: Tensor

    @property
    def rate(self) -> Tensor:
        """Sum the rates over levels. (N,)"""
        return torch.stack(list(self.rates.values())).sum(0)

    @property
    def total(self) -> Tensor:
        """Return the bound itself. (N,)"""
        return self.rate + self.distortion

    @property
    def terms(self) -> dict[str, Tensor]:
        """Return what adds up to the bound: the rate of each level and the distortion. (N,) each"""
        rates = {f"rate_{level}": rate for level, rate in self.rates.items()}
        return rates | {"distortion": self.distortion.double()}

    @property
    def subtotals(self) -> dict[str, Tensor]:
        """Return the rate of all levels. (N,)"""
        return {"rate": self.rate.double()}
