"""Every source a suite may name, and where what is downloaded or packed lies (no numpy, no torch)."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.data.dataset import DatasetSpec
    from benchmark.data.loaded import Loaded


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
Kind = Literal["embedded", "downloaded", "packed", "place"]
_READERS = "benchmark.data.readers"


@dataclass(frozen=True)
class ImageSource:
    """Describe where images come from.

    reader: the function of benchmark.data.readers that reads it, given (DatasetSpec, download) -> Loaded.
    shape: side and channels of its images, where these are known before they are read.
    place: what a suite writes behind a colon; "" where the name alone is the source.
    any_number: whether it draws as many images as it is asked for.
    """

    about: str
    reader: str
    kind: Kind
    shape: tuple[int, int] | None = None
    place: str = ""
    any_number: bool = False

    def written(self, name: str) -> str:
        """Return how a suite names it."""
        return f"{name}:{self.place}" if self.place else name

    def load_reader(self) -> Callable[[DatasetSpec, bool], Loaded]:
        """Return its reader; importing that imports NumPy."""
        reader: Callable[[DatasetSpec, bool], Loaded] = getattr(import_module(_READERS), self.reader)
        return reader


SOURCES: dict[str, ImageSource] = {
    "digits": ImageSource(
        "1,797 real handwritten digits of scikit-learn, 8x8 grey, enlarged to `size` (16)",
        "read_embedded_digits",
        "embedded",
        (16, 1),
    ),
    "shapes": ImageSource(
        "procedural colour figures of a known distribution, any `size` (32), any number of `images`",
        "read_shapes",
        "embedded",
        (32, 3),
        any_number=True,
    ),
    **{
        name: ImageSource(known.about, "read_torchvision", "downloaded", known.shape)
        for name, known in TORCHVISION.items()
    },
    "ffhq": ImageSource(
        "70,000 faces, 1024x1024 (or 256x256); the last 10,000 are held out", "read_recipe", "packed"
    ),
    "afhqv2-cat": ImageSource("5,065 + 493 cat faces, 512x512", "read_recipe", "packed"),
    "folder": ImageSource(
        "every image below a folder; train/ and test/ (or val/) inside are respected",
        "read_folder",
        "place",
        place="PATH",
    ),
    "zip": ImageSource("the same in a zip archive, which is not unpacked", "read_zip", "place", place="PATH"),
    "npz": ImageSource(
        "arrays of a NumPy archive, or one .npy: uint8 (N, H, W) or (N, H, W, C)",
        "read_arrays",
        "place",
        place="PATH",
    ),
    "packed": ImageSource("what `bench data prepare` wrote", "read_pack", "place", place="PATH"),
    "hf": ImageSource(
        "a Hugging Face data set by name or local path (pip install 'phased-augmentation-bench[hf]')",
        "read_hub",
        "place",
        place="NAME",
    ),
}
NAMED_SOURCES = tuple(name for name, source in SOURCES.items() if not source.place)
KNOWN_SOURCES = tuple(source.written(name) for name, source in SOURCES.items())


def named(kind: Kind) -> dict[str, ImageSource]:
    """Return the sources of a kind by name."""
    return {name: source for name, source in SOURCES.items() if source.kind == kind}


def data_root() -> Path:
    """Return the folder of downloads and packed sets: $BENCH_DATA, or ~/.cache/bench/data."""
    given = os.environ.get("BENCH_DATA")
    return Path(given).expanduser() if given else home() / ".cache" / "bench" / "data"


def home() -> Path:
    """Return the user's home; for a user without any (some containers) a temporary one. Raises UserError."""
    with contextlib.suppress(RuntimeError):
        return Path.home()
    made_up = Path(tempfile.gettempdir()) / f"bench-home-{os.getuid()}"
    if made_up.exists() and made_up.stat().st_uid != os.getuid():
        raise UserError(f"{made_up} belongs to somebody else, and you have no home", "set HOME")
    return made_up


def packed_place(name: str, size: int) -> Path:
    """Return where `bench data prepare NAME --size SIZE` packs a recipe's images."""
    return data_root() / f"{name}-{size}"
