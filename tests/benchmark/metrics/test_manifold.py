"""Precision, recall, density and coverage count exactly as prdc does, without a distance matrix."""

from __future__ import annotations

import contextlib
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc

from benchmark.metrics.features import UncomputableScoreError
from benchmark.metrics.manifold import density_coverage, manifold_scores, precision_recall
from benchmark.metrics.neighbours import nearest
from benchmark.metrics.points import exact_block, lower_bounds, shadowed


def counted_by_prdc(real: np.ndarray, generated: np.ndarray, k: int) -> list[int]:
    """Return prdc's scores as the whole numbers they are multiples of."""
    with contextlib.redirect_stdout(io.StringIO()):
        scores = compute_prdc(real, generated, k)
    return as_counts([scores[name] for name in ("precision", "recall", "density", "coverage")], len(real), k)


def as_counts(scores, count: int, k: int) -> list[int]:
    exact = np.array(scores) * count * np.array([1, 1, k, 1])
    np.testing.assert_allclose(exact, np.rint(exact), atol=1e-6)
    return np.rint(exact).astype(int).tolist()


def draw(kind: str, count: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count + dimension)
    real, generated = rng.standard_normal((2, count, dimension)).astype(np.float32)
    if kind == "narrow":
        generated *= np.float32(0.7)
    if kind == "far from the origin":
        real, generated = real + np.float32(1000), generated + np.float32(1000)
    if kind == "copies":
        generated[::2] = real[::2]
    if kind == "shuffled copies":
        generated = real[rng.permutation(count)]
    if kind == "outliers":
        generated[0] *= 1000
        real[:2] *= 100
    if kind == "tiny":
        real, generated = real * np.float32(1e-18), generated * np.float32(1e-18)
    return real, generated


KINDS = ["equal", "narrow", "far from the origin", "copies", "shuffled copies", "outliers", "tiny"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "dimension"), [(20, 3), (500, 64), (1500, 6), (1100, 256)])
def test_all_four_equal_prdc(kind, count, dimension):
    real, generated = draw(kind, count, dimension)
    for k in (3, 5):
        ours = manifold_scores(real, generated, k_precision=k, k_density=k)
        assert as_counts(ours, count, k) == counted_by_prdc(real, generated, k)


def test_ties_on_a_grid_equal_prdc():
    rng = np.random.default_rng(0)
    real, generated = rng.permutation(np.stack(np.meshgrid(*[np.arange(9)] * 3), -1).reshape(-1, 3))[
        :700
    ].reshape(2, 350, 3)
    real, generated = real.astype(np.float32), generated.astype(np.float32)
    assert as_counts(precision_recall(real, generated) + density_coverage(real, generated, 3), 350, 3) == (
        counted_by_prdc(real, generated, 3)
    )


def test_the_two_pairs_have_their_own_default_k():
    real, generated = draw("narrow", 300, 16)
    assert manifold_scores(real, generated) == precision_recall(real, generated, 3) + density_coverage(
        real, generated, 5
    )


def test_a_collapsed_generator_has_no_recall():
    real, _ = draw("equal", 1300, 8)
    generated = np.repeat(real[:1], 1300, axis=0)
    scores = manifold_scores(real, generated)
    assert scores.precision == 1
    assert scores.recall == 0
    assert scores.coverage < 0.2


def test_equal_distributions_have_density_one_and_the_known_coverage():
    real, generated = draw("equal", 1500, 6)
    density, coverage = density_coverage(real, generated, k=5)
    assert density == pytest.approx(1, abs=0.08)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)  # Naeem et al. (2020): 1 - 2^-k


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dimension=st.integers(1, 300),
    spread=st.floats(-15, 15),
    offset=st.floats(-1e3, 1e3),
)
def test_the_lower_bound_holds_and_is_as_tight_as_it_says(seed, dimension, spread, offset):
    rng = np.random.default_rng(seed)
    real, generated = (rng.standard_normal((2, 40, dimension)) + offset).astype(np.float32) * np.float32(
        10**spread
    )
    a, b = shadowed(real, generated)
    everything = slice(0, 40)
    exact = exact_block(a, everything, b, everything) / a.scale**2
    below = lower_bounds(a, everything, b, everything)
    room = 2 * (a.slack[:, None] + b.slack)
    assert (below <= exact).all()
    assert (exact <= below + room).all()


def test_neighbours_are_found_among_crowds_of_ties():
    rng = np.random.default_rng(0)
    few = rng.standard_normal((30, 12)).astype(np.float32)
    real = few[rng.integers(0, 30, 1500)]
    (points,) = shadowed(real)
    distances, indices = nearest(points, None, rank=5)
    assert not distances.any()  # about 50 copies of each: the fifth neighbour is a copy
    np.testing.assert_array_equal(real[indices], np.repeat(real[:, None], 5, axis=1))
    assert (indices != np.arange(1500)[:, None]).all()


def test_no_distance_matrix_is_held():
    real, generated = draw("equal", 6000, 4)
    tracemalloc.start()
    manifold_scores(real, generated)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 / 2


def test_what_cannot_be_compared_is_refused():
    real, generated = draw("equal", 20, 4)
    with pytest.raises(
        UncomputableScoreError, match="equal numbers of images are needed, got 20 real and 19"
    ):
        manifold_scores(real, generated[:19])
    with pytest.raises(UncomputableScoreError, match="real has 5 images, at least 6"):
        manifold_scores(real[:5], generated[:5])
    assert manifold_scores(real[:6], generated[:6]).density >= 0
