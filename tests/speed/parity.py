"""Compare training in bfloat16 products with training in float32; run as `python tests/speed/parity.py ZIP`.

The stage `codes` of VQ-VAE-2 at hidden 128 on 32 px photographs, from the same weights on the same batches:
is what bfloat16 saves in time paid for in loss? Prints one row per seed and a paired difference over seeds.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.data import DatasetSpec, load_dataset
from pcvq2 import PCVQ2, override, preset
from pcvq2.codes_stage import as_floats, train_codes
from pcvq2.likelihood import BITS_PER_NAT, log_prob_levels
from pcvq2.trainer.steps import StageRun

COLUMNS = ("reconstruction MSE, held-out", "distortion, bits/dim held-out", "codes in use, top / bottom", "s")


def photographs(path: Path) -> tuple[Tensor, Tensor]:
    """Return 2,000 training and 500 held-out images, uint8 (N, 3, 32, 32)."""
    cats = load_dataset(DatasetSpec("cats", f"zip:{path.resolve()}", size=32, heldout=500))
    found = [np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in (cats.train[:2000], cats.heldout)]
    return torch.from_numpy(found[0]), torch.from_numpy(found[1])


def trained(train: Tensor, precision: str, seed: int, steps: int) -> tuple[PCVQ2, float]:
    config = override(preset("base", size=32, channels=3), "vqvae", {"downsample": [2, 2], "continuous": 0.1})
    config = override(config, "vqvae", {"precision": precision})
    config = override(config, "codes_stage", {"steps": steps, "batch": 64, "learning_rate": 1e-3})
    config = override(config, "prior", {"channels": 8, "layers": 1})  # not trained here
    model = PCVQ2(config, seed=seed)
    start = time.process_time()
    with torch.random.fork_rng():
        train_codes(model.vqvae, train, StageRun("codes", config.codes_stage, seed))
    return model, time.process_time() - start


@torch.no_grad()
def measured(model: PCVQ2, heldout: Tensor) -> tuple[float, float, list[int]]:
    """Return squared error of pixels in [0, 1], distortion in bits/dim and the codes in use."""
    error, nats, codes = 0.0, 0.0, []
    for chunk in heldout.split(100):
        maps = model.encode(chunk)
        pixels = model.vqvae.decode(maps)
        error += float((as_floats(chunk) - (pixels.mean.clamp(-1, 1) + 1) / 2).square().sum())
        nats -= float(log_prob_levels(chunk, pixels.mean, pixels.log_scale).double().sum())
        codes.append(maps)
    used = [len(torch.cat(level).unique()) for level in zip(*codes, strict=True)]
    return error / heldout.numel(), nats * BITS_PER_NAT / heldout.numel(), used


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", type=Path, help="32 px photographs with train/ and test/ inside")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, heldout = photographs(options.zip)
    print(f"VQ-VAE-2, hidden 128, 32 px, batch 64, {options.steps} steps; one thread, processor seconds;")
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {platform.platform()}\n")
    print(f"| seed | products | {' | '.join(COLUMNS)} |\n|--:|---|--:|--:|--:|--:|")
    differences: list[tuple[float, float]] = []
    for seed in range(options.seeds):
        found = []
        for precision in ("float32", "bfloat16"):
            model, seconds = trained(train, precision, seed, options.steps)
            error, bits, used = measured(model, heldout)
            found.append((error, bits))
            codes = " / ".join(map(str, used))
            print(
                f"| {seed} | {precision} | {error:.5f} | {bits:.3f} | {codes} | {seconds:.0f} |", flush=True
            )
        differences.append((found[1][0] - found[0][0], found[1][1] - found[0][1]))
    for name, values in zip(COLUMNS, zip(*differences, strict=True), strict=False):
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        print(
            f"\n{name}: bfloat16 minus float32 {statistics.mean(values):+.5f} ± {error:.5f} (standard error)"
        )


if __name__ == "__main__":
    main()
