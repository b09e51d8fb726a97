"""Time the cached sampler against one full forward pass per pixel; run as `python tests/speed/sampling.py`.

Prints ratios of medians over interleaved runs in one process, so that other load hits both sides alike, and
counts processor seconds: on one thread they are the wall seconds of an idle machine.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from timing import medians

from pcvq2.cached_sampler import CachedSampler
from pcvq2.pixelcnn import GatedPixelCNN
from pcvq2.sampling import sample_codes

CODES, CHANNELS, LAYERS, CONTEXT = 512, 64, 10, 64


def needed_operations(size: int, context_channels: int) -> float:
    """Return the floating-point operations per map that remain when nothing is computed twice."""
    c, pixels = CHANNELS, size * size
    # Two of the 3 * size columns under the kernels lie outside. Nothing is above row 0, which is moreover the
    # same for all maps when there is no context; nothing is to the left of column 0.
    rows = size - 1 / 2 if context_channels else size - 1
    vertical = 12 * c * c * (size - 2 / 3) * rows + 2 * c * c * size * (
        size if context_channels else size - 1
    )
    horizontal = 4 * c * c * size * (size - 1 / 2) + c * c * pixels
    head = (c * c + c * CODES) * pixels
    return 2 * (LAYERS * (vertical + horizontal + 4 * c * context_channels * pixels) + head)


def square_product() -> Callable[[], object]:
    """Return a call that multiplies two 1024 x 1024 matrices: this machine's own rate."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return lambda: torch.mm(a, b)


@torch.no_grad()
def compare(size: int, batch: int, rounds: int, context_channels: int = 0) -> tuple[float, float]:
    """Return how many times slower naive sampling is, and the sampler's share of the rate of a product."""
    model = GatedPixelCNN(CODES, channels=CHANNELS, layers=LAYERS, context_channels=context_channels).eval()
    uniforms = torch.rand(batch, size, size)
    context = torch.randn(batch, context_channels, size, size) if context_channels else None
    codes = torch.randint(CODES, (batch, size, size))
    # Each of the naive sampler's size * size passes costs the same, so one stands for all.
    one_pass, cached, product = medians(
        rounds,
        lambda: model(codes, context),
        lambda: sample_codes(model, uniforms, context),
        square_product(),
    )
    rate = batch * needed_operations(size, context_channels) / cached
    return one_pass * size * size / cached, rate / (2 * 1024**3 / product)


def drawing_share(size: int, batch: int, rounds: int) -> float:
    """Return the share of a sampling run that goes into turning logits into codes."""
    model = GatedPixelCNN(CODES, channels=CHANNELS, layers=LAYERS)
    sampler = CachedSampler(model, batch, size, size)
    uniforms = torch.rand(batch, 1)
    drawing = 0.0

    def choose(row: int, column: int, logits: torch.Tensor) -> torch.Tensor:
        nonlocal drawing
        start = time.process_time()
        codes = sampler.draw(logits, uniforms)
        drawing += time.process_time() - start
        return codes

    shares = []
    for _ in range(rounds + 1):
        drawing, start = 0.0, time.process_time()
        sampler.decode(choose)
        shares.append(drawing / (time.process_time() - start))
    return statistics.median(shares[1:])


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs per median")
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{CHANNELS} channels, {LAYERS} layers, {CODES} codes; one thread; n = {options.rounds} per median")
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {platform.platform()}\n")
    print("| code map | context | batch | times faster than naive | share of this machine's sgemm rate |")
    print("|---|---|---|---|---|")
    for size in options.sizes:
        for context_channels in (0, CONTEXT):
            for batch in options.batches:
                ratio, share = compare(size, batch, options.rounds, context_channels)
                place = f"| {size}x{size} | {context_channels or 'none'} | {batch} "
                print(f"{place}| {ratio:.0f} x | {share:.0%} |", flush=True)
    print("\n| code map | batch | drawing's share of the sampling time |\n|---|---|---|")
    for size in options.sizes[:2]:
        for batch in options.batches:
            print(
                f"| {size}x{size} | {batch} | {drawing_share(size, batch, options.rounds):.1%} |", flush=True
            )


if __name__ == "__main__":
    main()
