"""Mixed precision in training: products in bfloat16 where the hardware multiplies it faster than float32.

Weights, quantisers, losses and the optimiser stay in float32, and everything but training runs in float32:
codes and likelihoods must not depend on how the weights were found.
"""

from __future__ import annotations

import contextlib

import torch

from pcvq2.trainer.settings import Precision


def resolve(precision: Precision, device: torch.device) -> Precision:
    """Return "float32" or "bfloat16"; "auto" asks the device.

    A CPU without the AVX512_BF16 or AMX instructions emulates bfloat16, at a multiple of float32's time.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
    return "float32"


def products(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context under which a forward pass in training multiplies in `precision`."""
    mixed = resolve(precision, device) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16) if mixed else contextlib.nullcontext()
