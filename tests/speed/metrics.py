"""Time the scores against prdc and clean-fid; run as `python tests/speed/metrics.py`.

Prints ratios of medians over interleaved runs in one process, in processor seconds of all its threads, so
that other load hits both sides alike and prdc's 8 threads give it no lead; the last rows also by the clock.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import os
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import scipy
import sklearn
from cleanfid import fid as clean_fid
from prdc import compute_prdc
from timing import medians

from benchmark.metrics.catalogue import OF_FEATURES
from benchmark.metrics.distances import fit_gaussian, frechet_between, frechet_distance, kernel_distance
from benchmark.metrics.feature_sets import FeatureSets
from benchmark.metrics.manifold import manifold_scores
from benchmark.metrics.recipes import recipe_of

Call = Callable[[], object]


def peak_megabytes(call: Call) -> float:
    """Return the most memory that a call holds at once, beyond what exists already."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def draw(count: int, dimension: int, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw two sets of float32 features whose standard deviations fall as i**-decay."""
    rng = np.random.default_rng(0)
    spread = np.arange(1, dimension + 1, dtype=np.float32) ** np.float32(-decay)
    real, generated = rng.standard_normal((2, count, dimension), dtype=np.float32) * spread
    return real, generated + np.float32(0.02) * spread


def compare_manifold(count: int, dimension: int, decay: float, rounds: int) -> None:
    real, generated = draw(count, dimension, decay)

    def theirs() -> dict[str, float]:
        with contextlib.redirect_stdout(io.StringIO()):
            return compute_prdc(real, generated, 5)

    def ours() -> tuple[float, ...]:
        return manifold_scores(real, generated, k_precision=5, k_density=5)

    expected = [theirs()[name] for name in ("precision", "recall", "density", "coverage")]
    equal = np.allclose(ours(), expected, rtol=0, atol=1e-12)
    slow, fast = medians(rounds, theirs, ours, warm_up=False)
    memory = f"{peak_megabytes(ours):.0f} MB instead of {peak_megabytes(theirs):.0f} MB"
    verdict = "same numbers" if equal else f"DIFFERENT: {ours()} {expected}"
    name = f"precision/recall/density/coverage, i^-{decay:g}"
    print(
        f"| {name} | {count} x {dimension} | prdc | {slow / fast:.1f}x | {fast:.2f} s | {verdict}, {memory} |"
    )


def compare_frechet(count: int, dimension: int, rounds: int) -> None:
    real, generated = draw(count, dimension, 0.5)

    def theirs() -> float:
        sets = [x.astype(np.float64) for x in (real, generated)]
        return clean_fid.frechet_distance(*(s for x in sets for s in (x.mean(0), np.cov(x, rowvar=False))))

    def ours() -> float:
        return frechet_distance(real, generated)

    error = abs(ours() / theirs() - 1)
    slow, fast = medians(rounds, theirs, ours, warm_up=False)
    print(
        f"| Frechet distance | {count} x {dimension} | clean-fid | {slow / fast:.1f}x | {fast:.2f} s "
        f"| relative difference {error:.0e} |"
    )


def compare_root(dimension: int, rounds: int) -> None:
    """Time the trace of (C1 C2)^(1/2), moments given, against the matrix square root it is defined by."""
    first, second = (fit_gaussian(x.astype(np.float64)) for x in draw(2 * dimension, dimension, 0.5))
    product = first.covariance @ second.covariance
    found = {}

    def theirs() -> None:
        found["theirs"] = float(np.trace(scipy.linalg.sqrtm(product)).real)

    def ours() -> None:
        fresh = [dataclasses.replace(g) for g in (first, second)]  # without the factors of the last round
        offset = first.mean - second.mean
        found["ours"] = (offset @ offset + first.total + second.total - frechet_between(*fresh)) / 2

    slow, fast = medians(rounds, theirs, ours, warm_up=False)
    print(
        f"| trace of the root of two covariances | {dimension} x {dimension} | scipy.linalg.sqrtm "
        f"| {slow / fast:.1f}x | {fast:.2f} s | relative difference "
        f"{abs(found['ours'] / found['theirs'] - 1):.0e}; floor 10x |"
    )


def compare_everything(count: int, dimension: int, rounds: int) -> None:
    """Time all measures of generated images, real features given, against clean-fid and prdc in turn."""
    real, generated = draw(count, dimension, 0.5)
    pool = draw(2 * count, dimension, 0.5)[0][count:]
    features = {"heldout": real, "generated": generated, "train": pool[::-1], "pool": pool}
    found: dict[str, list[float]] = {}

    def theirs() -> None:
        sets = [x.astype(np.float64) for x in (real, generated)]
        moments = [s for x in sets for s in (x.mean(0), np.cov(x, rowvar=False))]
        with contextlib.redirect_stdout(io.StringIO()):
            scores = compute_prdc(real, generated, 5)
        kernel = clean_fid.kernel_distance(real, generated)
        found["theirs"] = [clean_fid.frechet_distance(*moments), kernel, *scores.values()]

    def same() -> None:
        scores = manifold_scores(real, generated, k_precision=5, k_density=5)
        found["ours"] = [frechet_distance(real, generated), kernel_distance(real, generated), *scores]

    def every() -> None:
        sets = FeatureSets(features, 0)
        found["all"] = [recipe_of(metric.name)(sets).value for metric in OF_FEATURES if metric.name != "rfid"]

    slow, fast, whole = medians(rounds, theirs, same, every, warm_up=False)
    walls = [wall_seconds(call) for call in (theirs, same, every)]
    error = abs(found["ours"][0] / found["theirs"][0] - 1)
    manifold = "the same" if np.allclose(found["ours"][2:], found["theirs"][2:], atol=1e-12) else "DIFFERENT"
    about = f"{count} x {dimension} | clean-fid, then prdc"
    print(
        f"| FID, KID, precision, recall, density, coverage | {about} | {slow / fast:.1f}x | {fast:.1f} s "
        f"| theirs {slow:.1f} s; by the clock {walls[0]:.1f}, {walls[1]:.1f} s: {walls[0] / walls[1]:.1f}x; "
        f"FID differs by {error:.0e}, the last four are {manifold}; floor 5x |"
    )
    print(
        f"| all {len(found['all'])} measures with intervals, floors and FID at infinity | {about} "
        f"| {slow / whole:.1f}x | {whole:.1f} s | by the clock {walls[2]:.1f} s, {walls[0] / walls[2]:.1f}x; "
        "against their 6 measures without intervals |"
    )


def wall_seconds(call: Call) -> float:
    """Return the seconds a call takes by the clock, with as many threads as it likes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def report_memory(counts: Sequence[int], dimension: int) -> None:
    """Say what the manifold scores hold beyond the features, and what that makes of 50,000 images."""
    peaks = []
    for count in counts:
        real, generated = draw(count, dimension, 0.5)
        peaks.append(peak_megabytes(lambda: manifold_scores(real, generated)))  # noqa: B023
    slope, offset = np.polyfit(counts, peaks, 1)
    shown = ", ".join(f"{peak:.0f} MB at {count}" for count, peak in zip(counts, peaks, strict=True))
    print(
        f"\nmemory of the manifold scores beyond the features (tracemalloc), {dimension} features: {shown}; "
        f"on a line that is {offset + slope * 50_000:.0f} MB at 50,000 (limit 2,147)"
    )


def compare_kernel(count: int, dimension: int, rounds: int) -> None:
    real, generated = draw(count, dimension, 0.0)

    def theirs() -> float:
        return clean_fid.kernel_distance(real.astype(np.float64), generated.astype(np.float64))

    def ours() -> float:
        return kernel_distance(real, generated)

    error = abs(ours() - theirs())
    slow, fast = medians(rounds, theirs, ours, warm_up=False)
    print(
        f"| kernel distance | {count} x {dimension} | clean-fid | {slow / fast:.1f}x | {fast:.2f} s "
        f"| difference {error:.0e} |"
    )


def main() -> None:
    """Print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="images for the manifold scores")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"cores {len(os.sched_getaffinity(0))}, BLAS threads {threads}, numpy {np.__version__},", end=" ")
    print(f"scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, {chosen.rounds} rounds\n")
    print("| what | features | against | ratio | ours | agreement |\n|---|---|---|---|---|---|")
    for decay in (0.0, 0.5):
        compare_manifold(chosen.count, 2048, decay, chosen.rounds)
    compare_manifold(chosen.count // 10, 192, 0.5, chosen.rounds)
    compare_root(2048, chosen.rounds)
    for count, dimension in ((500, 192), (1000, 2048), (5000, 2048)):
        compare_frechet(count, dimension, chosen.rounds)
    compare_kernel(1000, 192, chosen.rounds)
    compare_everything(chosen.count, 2048, 1)
    report_memory((3000, 6000, 12_000), 2048)


if __name__ == "__main__":
    main()
