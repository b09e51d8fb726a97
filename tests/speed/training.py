"""Time the training of VQ-VAE-2 against plain PyTorch; run as `python tests/speed/training.py`.

Prints ratios of medians over interleaved runs in one process, so that other load hits both sides alike, and
counts processor seconds: on one thread they are the wall seconds of an idle machine. `--paper` measures the
memory of the `paper` preset and counts its operations instead (minutes, all cores).
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from plain_vqvae2 import OneHotQuantizer, PlainVQVAE2
from timing import medians
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmark.planning.suite import load_suite
from pcvq2.config import StageConfig, VQVAE2Config, override, preset
from pcvq2.prior import Prior
from pcvq2.quantizer import EMAQuantizer
from pcvq2.trainer.optimiser import Optimiser
from pcvq2.vqvae2 import VQVAE2
from strategies import AugmentationSpace

MODEL = VQVAE2Config(downsample=(2, 2), precision="bfloat16")
BATCH, VECTORS = 64, 16_384
SPACE = AugmentationSpace({"rotation": 30.0, "shift": 0.15, "scale": 0.2, "x_flip": 0.5})
MEMORY_GIB = 24


def row(what: str, against: str, ratio: str, floor: str, holds: bool, note: str) -> None:
    print(f"| {what} | {against} | {ratio} | {floor} | {'yes' if holds else 'NO'} | {note} |", flush=True)


def images(size: int, count: int = BATCH) -> Tensor:
    """Return smooth random images with the spectrum of photographs, roughly. (B, 3, size, size)"""
    coarse = torch.rand(count, 3, size // 4, size // 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def our_step(config: VQVAE2Config, batch: Tensor) -> tuple[VQVAE2, Callable[[], Tensor]]:
    model = VQVAE2(config, channels=3).train()
    optimiser = Optimiser(model, StageConfig(steps=10_000, batch=len(batch), learning_rate=3e-4), "codes")

    def step() -> Tensor:
        loss = model.losses(batch).total
        optimiser.update([loss], 100)
        return loss.detach()

    return model, step


def plain_step(model: PlainVQVAE2, batch: Tensor) -> Callable[[], Tensor]:
    adam = torch.optim.Adam(model.parameters(), lr=3e-4)

    def step() -> Tensor:
        loss = model.loss(batch)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def copy_weights(source: VQVAE2, target: PlainVQVAE2) -> None:
    """Give both the same weights and codebooks; they list their parameters in the same order."""
    with torch.no_grad():
        for mine, theirs in zip(target.parameters(), source.parameters(), strict=True):
            mine.copy_(theirs)
        ours = (target.quantize_top, target.quantize_bottom)
        for mine, theirs in zip(ours, source.quantizers, strict=True):
            for name in ("codebook", "counts", "sums"):
                getattr(mine, name).copy_(getattr(theirs, name))


def compare_steps(size: int, floor: float, rounds: int) -> None:
    """Compare one optimiser step, and what augmentation would add to it."""
    torch.manual_seed(0)
    batch = images(size)
    exact, _ = our_step(replace(MODEL, precision="float32"), batch)
    exact.losses(batch)  # starts the codebooks
    plain = PlainVQVAE2(MODEL, 3)
    copy_weights(exact, plain)
    expected, got = plain.eval().loss(batch).item(), exact.eval().losses(batch).total.item()
    assert abs(got / expected - 1) < 1e-5, f"another loss: {got} instead of {expected}"
    _, ours = our_step(MODEL, batch)
    _, ours_float32 = our_step(replace(MODEL, precision="float32"), batch)
    seeds = iter(range(10_000))

    def augment() -> Tensor:
        return SPACE.draw(batch, dict.fromkeys(SPACE.ranges, 1.0), seed=next(seeds))

    theirs = plain_step(plain.train(), batch)
    slow, fast, middle, drawn = medians(rounds, theirs, ours, ours_float32, augment)
    ratio, share = slow / fast, drawn / fast
    name = f"VQ-VAE-2 step, {size} px, batch {BATCH}, hidden {MODEL.hidden}"
    note = f"{fast * 1000:.0f} ms; in float32 {slow / middle:.2f}x"
    row(name, "plain float32", f"{ratio:.2f}x", f"{floor}x", ratio >= floor, note)
    note = f"{drawn * 1000:.1f} ms; {', '.join(SPACE.ranges)}"
    row(f"augmentation, {size} px", "that step", f"{share:.1%}", "<= 10 %", share <= 0.1, note)


@torch.no_grad()
def compare_quantizers(floor: float, rounds: int) -> None:
    torch.manual_seed(0)
    ours = EMAQuantizer(512, 64).train()
    theirs = OneHotQuantizer(512, 64, decay=0.99).train()
    features = torch.randn(VECTORS // 256, 16, 16, 64).permute(0, 3, 1, 2)
    ours(features)
    for name in ("codebook", "counts", "sums"):
        getattr(theirs, name).copy_(getattr(ours, name))
    theirs.decay = 0.9  # what a young codebook uses
    for _ in range(3):
        features = torch.randn(VECTORS // 256, 16, 16, 64).permute(0, 3, 1, 2)
        assert torch.equal(ours(features).codes, theirs(features)[1]), "other assignments"
        for name in ("counts", "sums", "codebook"):
            torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-5)
    slow, fast = medians(5 * rounds, lambda: theirs(features), lambda: ours(features))
    name = f"quantiser, {VECTORS} vectors, 512 x 64"
    note = f"{fast * 1000:.1f} ms; same assignments, same moving averages (1e-5)"
    row(name, "one-hot", f"{slow / fast:.2f}x", f"{floor}x", slow / fast >= floor, note)


def paper_step(batch: int) -> None:
    """Do one step of each stage of the `paper` preset at 256 px, and print this process's peak memory."""
    config = preset("paper", size=256, channels=3)
    model, step = our_step(config.vqvae, images(256, batch))
    start = time.perf_counter()
    step()
    print(f"stage codes: {time.perf_counter() - start:.0f} s, {peak_gib():.1f} GiB so far", flush=True)
    with torch.no_grad():
        maps = model.eval().encode(images(256, batch))
    prior = Prior(config.prior, codes=config.vqvae.codes, levels=len(maps)).train()
    optimiser = Optimiser(prior, config.prior_stage, "prior")
    start = time.perf_counter()
    size = config.prior_stage.micro_batch or batch
    parts = range(0, batch, size)
    losses = (
        prior.loss([m[p : p + size] for m in maps]) * (len(maps[0][p : p + size]) / batch) for p in parts
    )
    optimiser.update(losses, 100)
    print(f"stage prior: {time.perf_counter() - start:.0f} s, {peak_gib():.1f} GiB in all", flush=True)


def paper_operations() -> None:
    """Count the floating-point operations of suites/paper.yaml: what it costs on a GPU that is not here.

    Multiplications and additions of forward and backward passes as PyTorch counts them for matrix products
    and convolutions; evaluations, samples and scores are left out.
    """
    suite = load_suite(Path(__file__).parents[2] / "suites" / "paper.yaml").settings
    config = override(preset("paper", size=256, channels=3), "codes_stage", suite.training.codes)
    config = override(config, "prior_stage", suite.training.prior)
    model, step = our_step(config.vqvae, images(256, 1))
    codes = counted(step)
    with torch.no_grad():
        maps = model.eval().encode(images(256, 1))
    prior = Prior(config.prior, codes=config.vqvae.codes, levels=len(maps)).train()
    priors = counted(lambda: prior.loss(maps).backward())
    encoders = len(suite.datasets) * len(suite.budgets) * len(suite.seeds)
    trials = encoders * len(suite.strategies)
    of_encoder = codes * config.codes_stage.batch * config.codes_stage.steps
    of_prior = priors * config.prior_stage.batch * config.prior_stage.steps
    print(
        f"an image, forward and backward: stage codes {codes / 1e9:.0f}, stage prior {priors / 1e9:.0f} GFLOP"
    )
    print(
        f"suites/paper.yaml: {encoders} auto-encoders of {of_encoder / 1e18:.2f} and {trials} priors of "
        f"{of_prior / 1e18:.1f} EFLOP, {(encoders * of_encoder + trials * of_prior) / 1e18:.0f} EFLOP in all"
    )


def counted(work: Callable[[], object]) -> int:
    """Return how many floating-point operations some work takes."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts KiB


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved runs per median")
    parser.add_argument(
        "--paper",
        type=int,
        nargs="?",
        const=32,
        metavar="BATCH",
        help="of the preset `paper` instead, at batch 32",
    )
    parser.add_argument("--paper-step", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paper_step:
        return paper_step(options.paper_step)
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {platform.platform()}")
    if options.paper:
        subprocess.run([sys.executable, __file__, "--paper-step", str(options.paper)], check=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        what = f"paper preset, 256 px, batch {options.paper}, one step of each stage"
        verdict = "holds" if peak <= MEMORY_GIB else "DOES NOT HOLD"
        print(f"{what}: {peak:.1f} GiB, limit {MEMORY_GIB}: {verdict}")
        paper_operations()
        return None
    torch.set_num_threads(1)
    print(f"one thread; n = {options.rounds} per median (quantiser {5 * options.rounds})\n")
    print("| what | against | measured | floor | holds | |\n|---|---|---|---|---|---|")
    compare_steps(32, 1.8, options.rounds)
    compare_steps(64, 2.3, options.rounds)
    compare_quantizers(3.5, options.rounds)
    return None


if __name__ == "__main__":
    main()
