"""Sum in one order: what is trained once and shared must not depend on who came first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sum in one order, whatever the number of threads a trial has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def plain_floats(images: Tensor) -> Tensor:
    """Return uint8 images (N, C, H, W) in [0, 1], row by row in memory.

    A grey image has two layouts that PyTorch both calls contiguous, and another convolution for each.
    """
    return (images.float() / 255).clone(memory_format=torch.contiguous_format)
