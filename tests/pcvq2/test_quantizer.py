"""The codebook follows its vectors and stays alive."""

from __future__ import annotations

import pytest
import torch

from pcvq2.quantizer import EMAQuantizer


def features(seed: int = 0, shape: tuple[int, ...] = (8, 4, 6, 6)) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def trained(steps: int = 1, **settings: float) -> EMAQuantizer:
    torch.manual_seed(0)
    quantizer = EMAQuantizer(16, 4, **settings).train()
    for step in range(steps):
        quantizer(features(step))
    return quantizer


def test_assignment_is_the_nearest_code() -> None:
    quantizer = trained()
    vectors = torch.randn(5000, 4, generator=torch.Generator().manual_seed(3))
    distances = torch.cdist(vectors.double(), quantizer.codebook.double())
    assert torch.equal(quantizer.assign(vectors), distances.argmin(1))


@pytest.mark.parametrize("codes", [16, 128, 160, 512])
def test_assignment_takes_the_first_of_equal_codes(codes: int) -> None:
    quantizer = EMAQuantizer(codes, 4)
    quantizer.codebook.copy_(torch.randn(codes, 4, generator=torch.Generator().manual_seed(1)))
    quantizer.codebook[codes // 2 :] = quantizer.codebook[: codes // 2]  # every code twice
    assert torch.equal(quantizer.assign(quantizer.codebook), torch.arange(codes) % (codes // 2))
    vectors = torch.randn(3000, 4, generator=torch.Generator().manual_seed(2))
    scores = vectors @ quantizer.codebook.t() - 0.5 * quantizer.codebook.square().sum(1)
    best = scores.gather(1, quantizer.assign(vectors)[:, None])
    torch.testing.assert_close(best[:, 0], scores.amax(1), rtol=0, atol=1e-5)


def test_what_goes_on_is_the_code_itself_bit_for_bit_in_float32() -> None:
    quantizer, x = trained(), features(4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = quantizer.eval()(x)
    assert out.vectors.dtype == torch.float32
    assert torch.equal(out.vectors, quantizer.lookup(out.codes))
    assert torch.equal(out.codes, quantizer(x.float()).codes)


def test_codebook_starts_from_encoder_outputs() -> None:
    torch.manual_seed(0)
    quantizer = EMAQuantizer(16, 4, decay=0.99)
    flat = features().permute(0, 2, 3, 1).reshape(-1, 4)
    quantizer._initialise(flat)
    rows = {tuple(row) for row in flat.tolist()}
    assert all(tuple(code) in rows for code in quantizer.codebook.tolist())


def test_moving_average_equals_the_one_hot_formulation() -> None:
    quantizer = trained(revive_below=0.0)
    before = {name: buffer.clone().double() for name, buffer in quantizer.named_buffers()}
    x = features(9)
    flat = x.permute(0, 2, 3, 1).reshape(-1, 4)
    one_hot = torch.nn.functional.one_hot(quantizer.assign(flat), 16).double()
    quantizer(x)
    counts = 0.9 * before["counts"] + 0.1 * one_hot.sum(0)  # young: 0.9
    sums = 0.9 * before["sums"] + 0.1 * one_hot.t() @ flat.double()
    torch.testing.assert_close(quantizer.counts.double(), counts, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(quantizer.codebook.double(), sums / counts[:, None], rtol=1e-4, atol=1e-5)


def test_a_dead_code_comes_back_near_the_data_with_count_and_sum_reset() -> None:
    quantizer = trained(revive_below=0.1)
    quantizer.codebook[3] = 100.0
    quantizer.sums[3], quantizer.counts[3] = 100.0 * 1e-3, 1e-3
    x = features(5)
    quantizer(x)
    flat = x.permute(0, 2, 3, 1).reshape(-1, 4)
    assert torch.cdist(quantizer.codebook[3:4], flat).min() < 1e-4
    torch.testing.assert_close(quantizer.sums[3] / quantizer.counts[3], quantizer.codebook[3])
    assert quantizer.counts[3] >= 0.1 * len(flat) / 16


def test_all_codes_are_used_soon() -> None:
    quantizer = trained(steps=30)
    used = torch.unique(quantizer.eval()(features(99, (32, 4, 8, 8))).codes)
    assert len(used) == 16


@pytest.mark.parametrize("decay", [0.9, 0.95, 0.99, 0.999])
def test_a_codebook_the_encoder_walked_away_from_is_in_use_within_100_steps(decay: float) -> None:
    quantizer = trained(decay=decay)
    for step in range(100):
        quantizer(features(step) + 5.0)
    assert len(torch.unique(quantizer.eval()(features(99, (32, 4, 8, 8)) + 5.0).codes)) == 16


def test_gradient_passes_straight_through() -> None:
    x = features().requires_grad_()
    out = trained()(x)
    (out.vectors * 3).sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 3.0))


def test_evaluation_moves_nothing() -> None:
    quantizer = trained().eval()
    before = quantizer.codebook.clone()
    quantizer(features(7))
    assert torch.equal(before, quantizer.codebook)
