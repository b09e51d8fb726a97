"""FID at infinitely many images: what the number would be without its bias."""

from __future__ import annotations

import numpy as np

from benchmark.metrics.distances import fit_gaussian, frechet_estimate
from benchmark.metrics.features import Features, UncomputableScoreError, check_features
from benchmark.metrics.intervals import Estimate, combined

PARTS = (1, 2, 4)  # disjoint parts both sets are cut into
LEAST = 100  # images
LEAST_PER_FEATURE = (
    2  # images; with fewer the bias is not a line over 1/N (simulated: 62 % of it stays at 0.8)
)


def extrapolated_frechet(real: Features, generated: Features) -> Estimate:
    """Return the intercept of the Frechet distance over 1/N, for features (N, D) and (N, D).

    Both sets are cut into 1, 2 and 4 disjoint parts in the order they come in (it must not mean anything);
    part i of one is compared with part i of the other, the mean distance of each size stands over 1/size,
    and the least-squares line is read at 0. It may be below 0 when the sets are alike.
    Source: Chong & Forsyth (2020), Effectively Unbiased FID and Inception Score. They shrink the generated
    set only, against a large reference; here the reference is as small, so its bias is taken out as well.
    """
    count = min(len(real), len(generated))
    check_features(real=real, generated=generated)
    needed = max(LEAST, LEAST_PER_FEATURE * real.shape[1])
    if count < needed:
        raise UncomputableScoreError(
            f"{count} images, at least {needed} are needed for {real.shape[1]} features: with fewer the bias "
            "is not a line over 1/N"
        )
    sizes = np.array([count // parts for parts in PARTS])
    # the intercept of a least-squares line is a fixed linear combination of the points
    weights = np.linalg.pinv(np.stack([np.ones(len(sizes)), 1 / sizes], axis=1))[0]
    terms = [
        (weight / parts, _between_parts(real, generated, slice(i * size, (i + 1) * size)))
        for weight, parts, size in zip(weights, PARTS, sizes, strict=True)
        for i in range(parts)
    ]
    return combined(terms)


def _between_parts(real: Features, generated: Features, part: slice) -> Estimate:
    estimate = frechet_estimate(fit_gaussian(real[part]), fit_gaussian(generated[part]))
    placed = {name: np.pad(d, (part.start, 0)) for name, d in estimate.influences.items()}
    return Estimate(estimate.value, placed)
