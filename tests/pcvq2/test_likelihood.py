"""The pixel likelihood is normalised, and the ledger is a bound."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from pcvq2 import PCVQ2, PCVQ2Config, PriorConfig, StageConfig, VQVAE2Config
from pcvq2.likelihood import log_prob_levels


@pytest.mark.parametrize("log_scale", [-7.0, -4.0, -1.0, 2.0])
@pytest.mark.parametrize("mean", [-1.3, -1.0, -0.02, 0.5, 1.0])
def test_the_256_levels_sum_to_one(mean: float, log_scale: float) -> None:
    levels = torch.arange(256)
    log_p = log_prob_levels(levels, torch.tensor(mean).double(), torch.tensor(log_scale).double())
    assert torch.isfinite(log_p).all()
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_inner_levels_equal_the_difference_of_scipys_logistic_cdf() -> None:
    levels, mean, scale = np.arange(1, 255), 0.1, 0.2
    value = levels * 2 / 255 - 1
    expected = logistic.cdf(value + 1 / 255, mean, scale) - logistic.cdf(value - 1 / 255, mean, scale)
    parameters = torch.tensor([mean, math.log(scale)], dtype=torch.float64)
    got = log_prob_levels(torch.from_numpy(levels), parameters[0], parameters[1])
    np.testing.assert_allclose(got.exp().numpy(), expected, rtol=1e-9)


def test_far_levels_stay_finite_in_float32_and_carry_gradients() -> None:
    log_scale = torch.full((2,), -7.0, requires_grad=True)
    log_p = log_prob_levels(torch.tensor([255, 0]), torch.tensor([-1.0, 1.0]), log_scale)
    log_p.sum().backward()
    assert torch.isfinite(log_p).all()
    assert torch.isfinite(log_scale.grad).all()


def test_the_bound_holds_where_all_codes_can_be_summed() -> None:
    """-log2 p(x) by summing over every pair of code maps is at most the ledger's total."""
    config = PCVQ2Config(
        size=8,
        channels=1,
        vqvae=VQVAE2Config(hidden=8, residual_hidden=4, downsample=(4, 2), codes=2, code_dim=2),
        prior=PriorConfig(channels=8, layers=2, context_layers=1),
        codes_stage=StageConfig(steps=20, batch=8, learning_rate=1e-2),
        prior_stage=StageConfig(steps=20, batch=8, learning_rate=1e-2),
    )
    images = torch.randint(0, 256, (12, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    model = PCVQ2(config, seed=1)
    model.fit(images)
    ledger = model.bits_per_dim(images)
    every_pair = [torch.tensor(bits) for bits in itertools.product((0, 1), repeat=5)]  # 1x1 top, 2x2 bottom
    with torch.no_grad():
        maps = [torch.stack(every_pair)[:, :1].view(-1, 1, 1), torch.stack(every_pair)[:, 1:].view(-1, 2, 2)]
        log_prior = -torch.stack(model.prior.nats(maps)).sum(0)  # (32,)
        assert log_prior.exp().sum().item() == pytest.approx(1, abs=1e-5)
        pixels = model.vqvae.decode(maps)
        for image, total in zip(images, ledger.total, strict=True):
            log_pixels = log_prob_levels(image[None], pixels.mean, pixels.log_scale).sum((1, 2, 3))
            exact = -torch.logsumexp(log_prior + log_pixels, 0) / math.log(2) / image.numel()
            assert exact <= total + 1e-5
