"""Read images from where they lie into uint8 arrays of one shape."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from benchmark.errors import UserError

Images = NDArray[np.uint8]
Opener = Callable[[], bytes]

RESIZERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def read_digits(size: int) -> Images:
    """Return scikit-learn's 1,797 handwritten digits, enlarged bilinearly from 8x8. (N, size, size, 1)

    Source: E. Alpaydin, C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI.
    """
    # read from its file: importing scikit-learn takes most of a second, which every `bench run` would pay
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    levels = (rows[:, :64].reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    resized = [Image.fromarray(d).resize((size, size), Image.Resampling.BILINEAR) for d in levels]
    return np.stack([np.asarray(image) for image in resized])[..., None]


def read_folder(
    folder: Path, *, size: int | None, channels: int | None, resize: str
) -> tuple[Images, Images | None]:
    """Read every image under a folder, split by train/ and test/ when both are there."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder", "folder:PATH must name a folder of images")
    files = {
        str(path.relative_to(folder)): path.read_bytes
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    }
    return _read_splits(str(folder), files, size=size, channels=channels, resize=resize)


def read_zip(
    path: Path, *, size: int | None, channels: int | None, resize: str
) -> tuple[Images, Images | None]:
    """Read every image in a zip, split by train/ and test/ when both are there; unpacks nothing to disk."""
    if not path.is_file():
        raise UserError(f"{path}: no such file", "zip:PATH must name a zip archive of images")
    try:
        with zipfile.ZipFile(path) as archive:
            files: dict[str, Opener] = {}
            for name in sorted(archive.namelist()):
                parts = PurePosixPath(name.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts:
                    raise UserError(
                        f"{path}: the entry '{name}' points outside the archive",
                        "refused: names must be relative, without '..'",
                    )
                if parts.suffix.lower() in SUFFIXES:
                    files[name] = lambda name=name: archive.read(name)  # type: ignore[misc]
            return _read_splits(str(path), files, size=size, channels=channels, resize=resize)
    except zipfile.BadZipFile as error:
        raise UserError(
            f"{path}: not a readable zip ({error})", "zip:PATH must name a zip archive"
        ) from error


def _read_splits(
    place: str, files: dict[str, Opener], *, size: int | None, channels: int | None, resize: str
) -> tuple[Images, Images | None]:
    if not files:
        raise UserError(f"{place}: holds no image", f"looked for {', '.join(SUFFIXES)}, also in subfolders")
    images = {name: _open(place, name, read) for name, read in files.items()}
    if channels is None:
        grey = all(image.mode in ("1", "L", "I;16", "I", "F") for image in images.values())
        channels = 1 if grey else 3
    if size is None:
        sizes = {image.size for image in images.values()}
        width, height = next(iter(sizes))
        if len(sizes) > 1 or width != height:
            raise UserError(
                f"{place}: images differ in size or are not square ({len(sizes)} sizes)",
                "name the size to bring them to, e.g. `size: 32`; they are centre-cropped and resized",
            )
        size = width
    arrays = {name: _fit(image, size, channels, RESIZERS[resize]) for name, image in images.items()}
    split = {kind: [n for n in arrays if kind in Path(n).parts[:-1]] for kind in ("train", "test")}
    if split["train"] and split["test"]:
        return _stack(arrays, split["train"]), _stack(arrays, split["test"])
    return _stack(arrays, arrays), None


def _stack(arrays: dict[str, Images], names: Iterable[str]) -> Images:
    return np.stack([arrays[name] for name in names])


def _open(place: str, name: str, read: Opener) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(read()))
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{place}: '{name}' is not a readable image ({error})",
            "repair or remove it; nothing was trained",
        ) from error
    return image


def _fit(image: Image.Image, size: int, channels: int, resample: Image.Resampling) -> Images:
    """Centre-crop to a square, resize, convert. (size, size, channels)"""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.convert("L" if channels == 1 else "RGB").crop((left, top, left + side, top + side))
    if side != size:
        image = image.resize((size, size), resample)
    return np.asarray(image, dtype=np.uint8).reshape(size, size, channels)
