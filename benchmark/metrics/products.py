"""Large matrix products, on the device a trial trains on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)
_device: ContextVar[torch.device | None] = ContextVar("device of large products", default=None)


@contextlib.contextmanager
def products_on(device: torch.device | None) -> Iterator[None]:
    """Have `product` multiply on a device inside; None or a CPU: NumPy's BLAS multiplies."""
    token = _device.set(None if device is None or device.type == "cpu" else device)
    try:
        yield
    finally:
        _device.reset(token)


def product(a: NDArray[Floating], b: NDArray[Floating]) -> NDArray[Floating]:
    """Return a b^T of (n, k) and (m, k), (n, m), multiplied and summed in their own precision.

    On a GPU single precision is IEEE's, never TF32: benchmark.metrics.points bounds its rounding error.
    """
    device = _device.get()
    return a @ b.T if device is None else product_by_torch(a, b, device)


def product_by_torch(a: NDArray[Floating], b: NDArray[Floating], device: torch.device) -> NDArray[Floating]:
    """Return a b^T of arrays in this memory, by way of a device's."""
    x = torch.from_numpy(np.ascontiguousarray(a)).to(device)
    y = x if b is a else torch.from_numpy(np.ascontiguousarray(b)).to(device)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        return (x @ y.T).cpu().numpy()
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
