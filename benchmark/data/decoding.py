"""The one path from a file's bytes to pixels: whatever cannot be read says why, in a few words.

What is done to unusual images, so that all of them are plain 8-bit grey or RGB:
- EXIF orientation is applied, before anything is measured or cropped.
- 16-bit pixels keep their high byte, the exact inverse of storing 8-bit pixels times 257.
- Transparent pixels lie on white (palette, grey and colour alike).
- CMYK, YCbCr, LAB and palettes become RGB by Pillow's plain formulas; colour profiles are not applied.
- Refused: several frames or pages (of a phone's MPO the first frame is the photograph), 32-bit and
  floating-point pixels (their scale is not written anywhere), truncated and damaged files, more than 179
  million pixels (Pillow's own limit).
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Images = NDArray[np.uint8]

RESIZERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright


class UnusableImage(Exception):
    """A file that cannot become an image; its text is the reason, in a few words."""


@dataclass(frozen=True)
class Shape:
    """What images are brought to; None keeps what they have."""

    size: int | None = None
    channels: int | None = None
    resize: str = "lanczos"


@dataclass(frozen=True)
class Decoded:
    """One image, and what had to be done to it."""

    pixels: Images  # (H, W, C)
    width: int  # of the upright original
    height: int
    traits: tuple[str, ...]  # e.g. ("16-bit", "EXIF rotation")


def decode(data: bytes, shape: Shape) -> Decoded:
    """Decode, centre-crop to a square and resize where `shape` names a size. Raises UnusableImage."""
    image, traits = _open(data)
    try:
        upright = _upright(image, traits)
        width, height = upright.size
        flat = _flatten(upright, traits)
        return Decoded(fit(flat, shape), width, height, tuple(traits))
    except UnusableImage:
        raise
    except Exception as error:  # a codec that meets damaged bytes may raise anything
        raise UnusableImage(_reason(error)) from error


def _open(data: bytes) -> tuple[Image.Image, list[str]]:
    if not data:
        raise UnusableImage("empty, 0 bytes")
    traits: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities in metadata, and sizes below Pillow's limit
            image = Image.open(io.BytesIO(data))
            if image.format == "MPO":
                traits.append("first frame of MPO")
            elif getattr(image, "is_animated", False):
                raise UnusableImage(f"{getattr(image, 'n_frames', 'several')} frames or pages, one is needed")
            image.load()
    except UnusableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnusableImage("text, not an image" if _is_text(data) else "not an image") from error
    except Image.DecompressionBombError as error:
        raise UnusableImage("more than 179 million pixels") from error
    except Exception as error:  # a codec that meets damaged bytes may raise anything
        raise UnusableImage(_reason(error)) from error
    return image, traits


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower():
        return f"truncated: {text}"
    return f"damaged: {text}"


def _is_text(data: bytes) -> bool:
    try:
        start = data[:512].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in start)


def _upright(image: Image.Image, traits: list[str]) -> Image.Image:
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        traits.append("EXIF rotation")
        return ImageOps.exif_transpose(image)
    return image


def _flatten(image: Image.Image, traits: list[str]) -> Image.Image:
    """Return the image in mode L (grey) or RGB, 8 bits, opaque."""
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", None)):
        traits.append("16-bit")
        levels = np.asarray(image).astype(np.int64) >> 8  # Pillow treats 16-bit colour the same way
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if mode in ("I", "F"):
        kind = "32-bit integer" if mode == "I" else "floating-point"
        raise UnusableImage(f"{kind} pixels, whose scale is not known")
    grey = mode in ("1", "L", "LA", "La")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() != (255, 255):
            traits.append("transparency on white")
        white = Image.new("RGBA", rgba.size, "white")
        white.alpha_composite(rgba)
        image = white
    elif mode not in ("1", "L", "RGB"):
        traits.append("palette" if mode == "P" else mode)
    wanted = "L" if grey else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def fit(image: Image.Image, shape: Shape) -> Images:
    """Convert, centre-crop to a square and resize, as far as the shape asks for it. (H, W, C)"""
    if shape.channels is not None:
        wanted = "L" if shape.channels == 1 else "RGB"
        image = image if image.mode == wanted else image.convert(wanted)
    if shape.size is not None:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        if image.width != image.height:
            image = image.crop((left, top, left + side, top + side))
        if side != shape.size:
            image = image.resize((shape.size, shape.size), RESIZERS[shape.resize])
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)
