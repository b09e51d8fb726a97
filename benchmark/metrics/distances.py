"""Frechet and kernel distance between two sets of features, as clean-fid defines them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from benchmark.metrics.features import Features, check_features
from benchmark.metrics.intervals import Estimate
from benchmark.metrics.points import blocks
from benchmark.metrics.products import product

KID_SUBSET = 1000  # images of each subset whose kernel distances are averaged
SVD_UP_TO = 1024  # rows or columns
ROWS = 4096  # images whose moments are summed at once

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution fitted to N features of D numbers, in float64, with the unbiased covariance C.

    `covariance` is None where N <= D: the centred images themselves are the factor then (the Gram form).
    """

    mean: Matrix  # (D,)
    features: Features  # (N, D), as they came
    covariance: Matrix | None  # (D, D)

    @cached_property
    def factor(self) -> Matrix:
        """Return F (min(N, D), D) with C = F^T F."""
        if self.covariance is None:
            return (self.features - self.mean) / np.sqrt(len(self.features) - 1)
        return _square_root(self.covariance)

    @cached_property
    def total(self) -> float:
        """Return the trace of C."""
        if self.covariance is None:
            return float(np.einsum("ij,ij->", self.factor, self.factor))
        return float(np.trace(self.covariance))

    def points(self) -> NDArray[np.float32]:
        """Return the centred features over sqrt(N - 1), (N, D); single precision does for a spread."""
        return ((self.features - self.mean) / np.sqrt(len(self.features) - 1)).astype(np.float32)


def frechet_distance(real: Features, generated: Features) -> float:
    """Return the squared Frechet distance between Gaussians fitted to (N, D) and (M, D) features.

    |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2) in float64, with unbiased covariances. The last trace
    is the nuclear norm of F1 F2^T for any factors C = F^T F, so no matrix square root is taken
    and a singular covariance (N <= D) needs no jitter.
    Source: Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule; clean-fid's formula.
    """
    check_features(real=real, generated=generated)
    return frechet_between(fit_gaussian(real), fit_gaussian(generated))


def frechet_between(real: Gaussian, generated: Gaussian) -> float:
    """Return the squared Frechet distance between two Gaussians."""
    offset = real.mean - generated.mean
    shared = _roots_of(real, generated).sum()
    return max(0.0, float(offset @ offset + real.total + generated.total - 2 * shared))


def frechet_estimate(real: Gaussian, generated: Gaussian, *, name: str = "heldout") -> Estimate:
    """Return the squared Frechet distance with the influence of every image of both sets.

    A heavier image moves its set's mean and covariance. With A = F_r F_g^T = U S V^T, an image p of the
    generated set adds |S^(-1/2) U^T F_r p|^2 to the nuclear norm of A, and a real one the mirror image.
    `name` is what the real set is called. Takes one decomposition with vectors instead of one without.
    """
    offset = real.mean - generated.mean
    s, to_generated, to_real = _transports(real, generated)
    value = float(offset @ offset + real.total + generated.total - 2 * s.sum())

    def influences(own: Gaussian, weights: Matrix, shift: Matrix) -> Matrix:
        points, count = own.points(), len(own.features)
        shares = np.square(product(points, weights.T.astype(np.float32))).sum(axis=1, dtype=np.float64)
        moved = 2 * np.sqrt(count - 1) / count * (points @ shift)
        each = moved + np.square(points).sum(axis=1, dtype=np.float64) - shares
        return each - each.mean()

    sets = {
        name: influences(real, to_real, offset),
        "generated": influences(generated, to_generated, -offset),
    }
    return Estimate(max(0.0, value), sets)


def fit_gaussian(features: Features) -> Gaussian:
    """Fit a normal distribution to features (N, D), N >= 2; holds D x D numbers and one block beyond them."""
    count, dimension = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    if count <= dimension:
        return Gaussian(mean, features, None)
    covariance = np.zeros((dimension, dimension))
    for rows in blocks(count, size=ROWS):
        turned = (features[rows] - mean).T
        covariance += product(turned, turned)
    covariance /= count - 1
    return Gaussian(mean, features, covariance)


def _square_root(covariance: Matrix) -> Matrix:
    """Return F with F^T F = covariance (D, D): Cholesky's, or the eigenvectors' where that is singular."""
    try:
        return scipy.linalg.cholesky(covariance, check_finite=False)
    except scipy.linalg.LinAlgError:
        values, vectors = scipy.linalg.eigh(covariance, check_finite=False)
        return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


def _roots_of(real: Gaussian, generated: Gaussian) -> Matrix:
    """Return the singular values of F_r F_g^T; their sum is tr (C_r C_g)^(1/2).

    Large ones as roots of the eigenvalues of F_r C_g F_r^T: 3x faster, exact to 1e-8.
    """
    if _is_small(real, generated):
        product_of_factors = real.factor @ generated.factor.T
        return scipy.linalg.svdvals(product_of_factors, overwrite_a=True, check_finite=False)
    values = scipy.linalg.eigvalsh(_seen_from(real, generated), lower=False, check_finite=False)
    return np.sqrt(np.maximum(values, 0.0))


def _transports(real: Gaussian, generated: Gaussian) -> tuple[Matrix, Matrix, Matrix]:
    """Return the singular values S of F_r F_g^T and F_r^T U S^(-1/2), F_g^T V S^(-1/2), (D, k) each.

    Columns whose singular value is below a millionth of the largest are left out.
    """
    if _is_small(real, generated):
        u, s, vt = scipy.linalg.svd(real.factor @ generated.factor.T, full_matrices=False, check_finite=False)
        kept = s > 1e-6 * s[0] if s[0] > 0 else np.zeros(len(s), bool)
        root = np.sqrt(s[kept])
        return s, real.factor.T @ (u[:, kept] / root), generated.factor.T @ (vt[kept].T / root)
    values, u = scipy.linalg.eigh(
        _seen_from(real, generated), lower=False, overwrite_a=True, check_finite=False, driver="evd"
    )
    s = np.sqrt(np.maximum(values, 0.0))
    kept = s > 1e-6 * s[-1] if s[-1] > 0 else np.zeros(len(s), bool)
    to_generated = real.factor.T @ (u[:, kept] / np.sqrt(s[kept]))
    return s, to_generated, _times_covariance(generated, to_generated) / s[kept]  # V = F_g F_r^T U / S


def _is_small(real: Gaussian, generated: Gaussian) -> bool:
    return min(min(g.features.shape) for g in (real, generated)) <= SVD_UP_TO


def _seen_from(real: Gaussian, generated: Gaussian) -> Matrix:
    """Return the upper triangle of F_r C_g F_r^T."""
    factor, covariance = real.factor, generated.covariance
    if covariance is None:
        cross = factor @ generated.factor.T
        return cross @ cross.T
    if real.covariance is None or np.tril(factor, -1).any():  # no Cholesky factor
        return factor @ covariance @ factor.T
    turned, failed = scipy.linalg.lapack.dsygst(covariance, factor, itype=2, lower=0)
    assert not failed, failed
    return turned


def _times_covariance(gaussian: Gaussian, matrix: Matrix) -> Matrix:
    """Return C times a matrix (D, k)."""
    if gaussian.covariance is None:
        return gaussian.factor.T @ (gaussian.factor @ matrix)
    return gaussian.covariance @ matrix


def kernel_distance(
    real: Features, generated: Features, *, subsets: int = 30, subset_size: int = 1000, seed: int = 0
) -> float:
    """Return the kernel distance (KID) of (N, D) and (M, D) features: unbiased, so it may be below 0.

    The mean over random subsets of the unbiased squared MMD with k(x, y) = (x.y / D + 1)^3. When both
    sets fit into one subset every subset would be the same, so one is computed. Otherwise the sets are cut
    into disjoint subsets, again and again until there are `subsets` or more of them: every image counts as
    often as the others, so fewer subsets do than the 100 independent ones of clean-fid.
    Source: Binkowski et al. (2018), Demystifying MMD GANs; clean-fid's formula.
    """
    return kernel_estimate(real, generated, subsets=subsets, subset_size=subset_size, seed=seed).value


def kernel_estimate(
    real: Features, generated: Features, *, subsets: int = 30, subset_size: int = 1000, seed: int = 0
) -> Estimate:
    """Return the kernel distance with the influence of every image of both sets."""
    check_features(real=real, generated=generated)
    size = min(len(real), len(generated), subset_size)
    if size == len(real) == len(generated):
        value, of_real, of_generated = _squared_mmd(real.astype(np.float64), generated.astype(np.float64))
        return Estimate(value, {"heldout": of_real, "generated": of_generated})
    pair = [x if _single_precision_does(x) else x.astype(np.float64) for x in (real, generated)]
    if len({x.dtype for x in pair}) > 1:
        pair = [x.astype(np.float64) for x in pair]
    random, of = np.random.default_rng(seed), [np.zeros(len(x)) for x in pair]
    values: list[float] = []
    while len(values) < subsets:
        orders = [random.permutation(len(x)) for x in pair]
        for start in range(0, min(len(x) for x in pair) - size + 1, size):
            rows = [order[start : start + size] for order in orders]
            value, *influences = _squared_mmd(pair[0][rows[0]], pair[1][rows[1]])
            values.append(value)
            for total, which, influence in zip(of, rows, influences, strict=True):
                total[which] += influence
    return Estimate(
        float(np.mean(values)), {"heldout": of[0] / len(values), "generated": of[1] / len(values)}
    )


def _single_precision_does(features: Features) -> bool:
    """Say whether kernels of float32 features stay so small that their rounding is far below any KID's noise.

    With |x|^2 / D <= 4 a kernel is 125 at most and errs by 1e-4 at most, at random: 1e-7 in a subset's mean.
    """
    return features.dtype == np.float32 and float(np.square(features).mean(axis=1).max()) <= 4


def _squared_mmd(x: Features, y: Features) -> tuple[float, Matrix, Matrix]:
    """Estimate the squared MMD of two sets of n points without bias, and every point's influence on it.

    Kernels have the points' precision; they are summed in double precision.
    """
    count, dimension = x.shape

    def cubic(kernel: Features) -> Features:
        kernel /= dimension
        kernel += 1
        square = kernel * kernel
        square *= kernel
        return square

    between = cubic(product(x, y))
    value, found = -2 * float(between.mean(dtype=np.float64)), []
    for points, axis in ((x, 1), (y, 0)):
        kernel = cubic(product(points, points))  # numpy computes one triangle of such a product
        own = kernel.sum(axis=1, dtype=np.float64) - np.diagonal(kernel)
        value += float(own.sum()) / (count * (count - 1))
        each = (own / (count - 1) - between.mean(axis=axis, dtype=np.float64)) * (2 / count)
        found.append(each - each.mean())
    return value, found[0], found[1]
