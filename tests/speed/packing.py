"""Time packing against a plain Pillow loop over the same files; run as `python tests/speed/packing.py`.

The files are synthetic photographs of 256 px (blurred noise and grain), JPEG and PNG. The loop is what a
person writes: open, convert, append, stack, on one core. Counted are processor seconds, of worker processes
too, so that other load on the machine does not hit one side more than the other: the loop's are its wall
seconds on an idle machine, the packer's are shared by its cores. "At most" is a program that does nothing but
run Pillow's decoder on all cores; a faster one would have to change pixels or decoders.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageFilter, features

from benchmark.data import DatasetSpec, budget_indices, load_dataset
from benchmark.data.decoding import Shape
from benchmark.data.packing import pack
from benchmark.data.places import Folder

SCENES = 64  # different pictures; each file is one of them, cut to another phase


def write_images(folder: Path, count: int, kind: str, side: int) -> None:
    """Write synthetic photographs; every file has other pixels."""
    random = np.random.default_rng(0)
    scenes = []
    for _ in range(SCENES):
        noise = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
        smooth = np.asarray(noise.filter(ImageFilter.GaussianBlur(side / 32))).astype(float)
        grain = random.normal(0, 8, smooth.shape)  # so that a file is as large as a photograph's
        scenes.append(np.clip((smooth - 128) * 6 + 128 + grain, 0, 255).astype(np.uint8))
    folder.mkdir()
    for i in range(count):
        pixels = np.roll(scenes[i % SCENES], i // SCENES * 5, axis=1)
        settings = {"quality": 90} if kind == "jpg" else {"compress_level": 3}
        Image.fromarray(pixels).save(folder / f"{i:05}.{kind}", **settings)


def plain_loop(folder: Path, size: int) -> np.ndarray:
    """Do what packing does, as a person writes it."""
    images = []
    for path in sorted(folder.iterdir()):
        image = Image.open(path).convert("RGB")
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.LANCZOS)
        images.append(np.asarray(image))
    return np.stack(images)


def decode_only(folder: Path) -> None:
    """Run the decoder over every file and nothing else."""
    for path in sorted(folder.iterdir()):
        Image.open(path).load()


def processor_seconds() -> float:
    """Return what this process and its ended children have used."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """Return processor seconds and the result."""
    start = processor_seconds()
    result = call()
    return processor_seconds() - start, result


def compare(folder: Path, size: int, rounds: int, cores: int) -> tuple[float, float, float, float]:
    """Return median seconds of the loop, of decoding alone, of packing, and of reading 1,000 images back."""
    seconds: dict[str, list[float]] = {"loop": [], "decoder": [], "pack": [], "read": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            target = Path(scratch) / "pack"
            taken, expected = timed(lambda: plain_loop(folder, size))
            seconds["loop"].append(taken)
            seconds["decoder"].append(timed(lambda: decode_only(folder))[0])
            taken, _ = timed(lambda t=target: pack(Folder(folder), t, Shape(size), processes=cores))
            seconds["pack"].append(taken)
            packed = np.memmap(target / "images.u8", dtype=np.uint8)
            assert np.array_equal(packed, expected.reshape(-1)), "packing changed a pixel"  # type: ignore[attr-defined]
            data = load_dataset(DatasetSpec(str(target), f"packed:{target}", heldout=100))
            rows = budget_indices(data, min(1000, len(data.train)), 0)
            seconds["read"].append(timed(lambda d=data, r=rows: d.train[r])[0])
            load_dataset.cache_clear()
    loop, decoder, packing, read = (statistics.median(values) for values in seconds.values())
    return loop, decoder, packing, read


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs per median")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    turbo, cores = features.version("libjpeg_turbo") or "none", options.cores
    print(f"{options.images:,} files; n = {options.rounds} per median; processor seconds")
    print(f"Pillow {PIL.__version__}, libjpeg-turbo {turbo}, {platform.platform()}\n")
    print(f"| files | plain loop | packing | faster on {cores} cores | decoder's limit | 1,000 read back |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for kind in ("jpg", "png"):
            folder = Path(scratch) / kind
            write_images(folder, options.images, kind, 256)
            loop, decoder, packing, read = compare(folder, 256, options.rounds, cores)
            kilobytes = sum(path.stat().st_size for path in folder.iterdir()) / options.images / 1000
            print(
                f"| {kind}, {kilobytes:.0f} kB each | {loop:.2f} s | {packing:.2f} s "
                f"| {loop / (packing / cores):.2f} x | {loop / (decoder / cores):.2f} x | {read:.2f} s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
