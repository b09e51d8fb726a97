"""Half precision is a way of training: what is trained is used in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pcvq2.config import VQVAE2Config
from pcvq2.vqvae2 import VQVAE2

CONFIG = VQVAE2Config(hidden=16, residual_hidden=8, downsample=(2, 2), codes=16, code_dim=8)
IMAGES = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def model(precision: str) -> VQVAE2:
    torch.manual_seed(0)
    return VQVAE2(replace(CONFIG, precision=precision), channels=3)


def test_training_in_bfloat16_rounds_the_maps_but_not_weights_losses_or_codebooks() -> None:
    exact, rounded = (model(p).train() for p in ("float32", "bfloat16"))
    one, other = (m.losses(IMAGES, quantise=False) for m in (exact, rounded))
    assert 0 < abs(one.reconstruction.item() - other.reconstruction.item()) < 0.02 * one.reconstruction.item()
    rounded.losses(IMAGES).total.backward()
    assert all(loss.dtype == torch.float32 for loss in other)
    assert all(p.grad.dtype == torch.float32 for p in rounded.parameters() if p.grad is not None)
    assert all(q.codebook.dtype == torch.float32 for q in rounded.quantizers)


@torch.no_grad()
def test_codes_losses_and_pixels_in_evaluation_do_not_depend_on_the_precision_of_training() -> None:
    trained = model("bfloat16").train()
    trained.losses(IMAGES)
    other = model("float32").eval()
    other.load_state_dict(trained.eval().state_dict())
    for one, two in zip(trained.encode(IMAGES), other.encode(IMAGES), strict=True):
        assert torch.equal(one, two)
    codes = other.encode(IMAGES)
    assert torch.equal(trained.decode(codes).mean, other.decode(codes).mean)
    assert torch.equal(trained.losses(IMAGES).total, other.losses(IMAGES).total)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"precision must be one of .*, got 'float16'"):
        model("float16")
