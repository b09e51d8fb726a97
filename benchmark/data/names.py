"""The sources that need no path, and where what is downloaded or packed lies (no numpy, no torch)."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TorchvisionSet:
    """A data set torchvision downloads: its class, and how it names its two splits."""

    class_name: str
    about: str
    shape: tuple[int, int]  # side in pixels, channels
    train: tuple[tuple[str, object], ...] = (("train", True),)
    test: tuple[tuple[str, object], ...] = (("train", False),)


def _by_split(class_name: str, about: str, shape: tuple[int, int]) -> TorchvisionSet:
    return TorchvisionSet(class_name, about, shape, (("split", "train"),), (("split", "test"),))


TORCHVISION: dict[str, TorchvisionSet] = {
    "mnist": TorchvisionSet("MNIST", "60,000 + 10,000 handwritten digits, 28x28 grey", (28, 1)),
    "fashion_mnist": TorchvisionSet(
        "FashionMNIST", "60,000 + 10,000 articles of clothing, 28x28 grey", (28, 1)
    ),
    "kmnist": TorchvisionSet("KMNIST", "60,000 + 10,000 cursive Japanese letters, 28x28 grey", (28, 1)),
    "usps": TorchvisionSet("USPS", "7,291 + 2,007 digits from envelopes, 16x16 grey", (16, 1)),
    "cifar10": TorchvisionSet("CIFAR10", "50,000 + 10,000 photographs of 10 classes, 32x32", (32, 3)),
    "cifar100": TorchvisionSet("CIFAR100", "50,000 + 10,000 photographs of 100 classes, 32x32", (32, 3)),
    "svhn": _by_split("SVHN", "73,257 + 26,032 house numbers, 32x32", (32, 3)),
    "stl10": _by_split("STL10", "5,000 + 8,000 photographs of 10 classes, 96x96", (96, 3)),
}
EMBEDDED = {
    "digits": "1,797 real handwritten digits of scikit-learn, 8x8 grey, enlarged to `size` (16)",
    "shapes": "procedural colour figures of a known distribution, any `size` (32), any number of `images`",
}
RECIPES = {
    "ffhq": "70,000 faces, 1024x1024 (or 256x256); the last 10,000 are held out",
    "afhqv2-cat": "5,065 + 493 cat faces, 512x512",
}
PLACES = {
    "folder:PATH": "every image below a folder; train/ and test/ (or val/) inside are respected",
    "zip:PATH": "the same in a zip archive, which is not unpacked",
    "npz:PATH": "arrays of a NumPy archive, or one .npy: uint8 (N, H, W) or (N, H, W, C)",
    "packed:PATH": "what `bench data prepare` wrote",
    "hf:NAME": "a Hugging Face data set by name or local path (pip install 'phased-augmentation-bench[hf]')",
}
NAMED_SOURCES = (*EMBEDDED, *TORCHVISION, *RECIPES)
KNOWN_SOURCES = (*NAMED_SOURCES, *PLACES)


def data_root() -> Path:
    """Return the folder of downloads and packed sets: $BENCH_DATA, or ~/.cache/bench/data."""
    given = os.environ.get("BENCH_DATA")
    return Path(given).expanduser() if given else home() / ".cache" / "bench" / "data"


def home() -> Path:
    """Return the user's home; a folder of the temporary one for a user without any (some containers)."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"bench-home-{os.getuid()}"


def packed_place(name: str, size: int) -> Path:
    """Return where `bench data prepare NAME --size SIZE` packs a recipe's images."""
    return data_root() / f"{name}-{size}"
