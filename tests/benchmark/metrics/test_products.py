"""Large products give the same scores wherever they are multiplied."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.metrics import products
from benchmark.metrics.distances import fit_gaussian, frechet_distance, frechet_estimate, kernel_distance
from benchmark.metrics.manifold import manifold_scores

CPU = torch.device("cpu")


def two_sets(count: int, dimension: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((count, dimension), np.float32) + shift for shift in (0, np.float32(0.1))]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_torch_multiplies_as_numpy_does(kind):
    a, b = (x.astype(kind) for x in two_sets(50, 30))
    for other in (a, b, b[::-1]):
        found = products.product_by_torch(a, other, CPU)
        assert found.dtype == kind
        np.testing.assert_allclose(found, a @ other.T, rtol=0, atol=1e-5 if kind == np.float32 else 1e-12)


def test_scores_multiply_on_the_device_they_are_told(monkeypatch):
    """Stands for a GPU: whatever `product` sends to a device is multiplied by torch on the CPU."""
    real, generated = two_sets(300, 20)
    scores = (frechet_distance, kernel_distance, manifold_scores)
    here = [score(real, generated) for score in scores]
    sent: list[torch.device] = []

    def on_cpu(a, b, device):
        sent.append(device)
        return torch_product(a, b, CPU)

    torch_product = products.product_by_torch
    monkeypatch.setattr(products, "product_by_torch", on_cpu)
    for score, expected in zip(scores, here, strict=True):
        before = len(sent)
        with products.products_on(torch.device("cuda")):
            found = score(real, generated)
        assert len(sent) > before, score
        assert found == expected if score is manifold_scores else found == pytest.approx(expected, rel=1e-5)
    sent.clear()
    frechet_distance(real, generated)
    assert not sent, "the device is forgotten outside"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_scores_on_a_gpu_are_those_of_the_cpu():
    real, generated = two_sets(3000, 200)
    here = manifold_scores(real, generated), frechet_distance(real, generated)
    with products.products_on(torch.device("cuda")):
        assert manifold_scores(real, generated) == here[0]
        assert frechet_distance(real, generated) == pytest.approx(here[1], rel=1e-9)


@pytest.mark.parametrize(
    ("count", "dimension", "dead"), [(60, 20, 0), (60, 20, 4), (15, 40, 0), (60, 20, 20)]
)
def test_large_and_small_matrices_take_two_ways_to_one_distance(monkeypatch, count, dimension, dead):
    real, generated = (x.astype(np.float64) for x in two_sets(count, dimension))
    real[:, :dead] = 0
    generated[:, : dead // 2] = 1
    found = []
    for limit in (1024, 1):
        monkeypatch.setattr("benchmark.metrics.distances.SVD_UP_TO", limit)
        for sets in ((real, generated), (generated, real[: count // 2])):
            gaussians = [fit_gaussian(x) for x in sets]
            found.append((frechet_distance(*sets), frechet_estimate(*gaussians)))
    for (small, estimate), (large, other) in zip(found[:2], found[2:], strict=True):
        assert large == pytest.approx(small, rel=1e-6)
        assert estimate.value == pytest.approx(small, rel=1e-6)
        assert other.value == pytest.approx(small, rel=1e-6)
        for name, influences in estimate.influences.items():
            np.testing.assert_allclose(other.influences[name], influences, rtol=0, atol=2e-4 * small)
