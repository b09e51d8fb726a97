"""How a codebook is used."""

from __future__ import annotations

import torch
from torch import Tensor


def code_usage(codes: Tensor) -> tuple[float, int]:
    """Return the perplexity of code maps (integers, any shape) and how many codes occur; collapsed: 1, 1."""
    share = torch.bincount(codes.flatten()).double() / codes.numel()
    share = share[share > 0]
    return float(torch.exp(-(share * share.log()).sum())), len(share)
