"""The one path from a file's bytes to pixels: whatever cannot be read says why, in a few words.

What is done to unusual images, so that all of them are plain 8-bit grey or RGB:
- EXIF orientation is applied, before anything is measured or cropped.
- 16-bit pixels keep their high byte, the exact inverse of storing 8-bit pixels times 257; 12-bit TIFFs their
  highest 8 bits. Where no value of a 16-bit file passes 4095, its pixels may be of 12 bits: that is said.
- Transparent pixels lie on white (palette, grey and colour alike; a colour key of 16 bits by its high bytes).
- A palette whose entries in use are all grey is grey, in GIF and PNG alike.
- CMYK, YCbCr, LAB and palettes become RGB by Pillow's plain formulas; colour profiles are not applied.
- Refused: several frames or pages (of a phone's MPO the first frame is the photograph), 32-bit and
  floating-point pixels (their scale is not written anywhere), truncated and damaged files, more than 179
  million pixels (Pillow's own limit).
"""

from __future__ import annotations

import io
import re
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
DEFAULT_RESIZE = "lanczos"
ENLARGED = "enlarged to"  # how that note begins
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
_PHOTOMETRIC = 0x0106  # the TIFF tag; 0: 0 is white
_LOW_GREYS = {"L;2": 85, "L;4": 17}  # Pillow scales such levels to 8 bits, and forgets the colour key


class UnusableImage(Exception):
    """A file that cannot become an image; its text is the reason, in a few words."""


@dataclass(frozen=True)
class Shape:
    """What images are brought to; None keeps what they have."""

    size: int | None = None
    channels: int | None = None
    resize: str | None = None  # one of RESIZERS; None: nobody asked, DEFAULT_RESIZE

    @property
    def resizer(self) -> str:
        """Return the filter images are resized by."""
        return self.resize or DEFAULT_RESIZE


@dataclass(frozen=True)
class Decoded:
    """One image, and what had to be done to it."""

    pixels: Images  # (H, W, C)
    width: int  # of the upright original
    height: int
    traits: tuple[str, ...]  # e.g. ("16-bit", "EXIF rotation")


def decode(data: bytes, shape: Shape) -> Decoded:
    """Decode, centre-crop to a square and resize where `shape` names a size. Raises UnusableImage."""
    image, encoding, traits = _open(data)
    try:
        upright = _upright(image, traits)
        width, height = upright.size
        flat = _flatten(upright, encoding, traits)
        if shape.size is not None and min(width, height) < shape.size:
            traits.append(enlarged_to(shape.size))
        return Decoded(fit(flat, shape), width, height, tuple(traits))
    except UnusableImage:
        raise
    except Exception as error:  # a codec that meets damaged bytes may raise anything
        raise UnusableImage(_reason(error)) from error


def enlarged_to(size: int) -> str:
    """Name what happens to images smaller than they are asked for."""
    return f"{ENLARGED} {size} px"


@dataclass(frozen=True)
class _Encoding:
    """How a file holds its pixels, which Pillow forgets once they are loaded."""

    format: str
    raw: str  # Pillow's raw mode, e.g. LA;16B
    inverted: bool  # 0 is white, and Pillow has not turned it round

    @property
    def bits(self) -> int:
        """Return 12 or 16 for such channels, 8 for others."""
        if self.raw == "I;12":
            return 12
        return 16 if re.search(r";16[BLNR]?$", self.raw) and not self.raw.startswith("BGR") else 8


def _encoding(image: Image.Image) -> _Encoding:
    tiles = getattr(image, "tile", None)
    args = tiles[0][3] if tiles else ""
    raw = args if isinstance(args, str) else next((arg for arg in args or () if isinstance(arg, str)), "")
    tags = getattr(image, "tag_v2", {})
    return _Encoding(image.format or "", raw, image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0)


def _open(data: bytes) -> tuple[Image.Image, _Encoding, list[str]]:
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
            encoding = _encoding(image)
            image.load()
    except UnusableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnusableImage("text, not an image" if _is_text(data) else "not an image") from error
    except Image.DecompressionBombError as error:
        raise UnusableImage("more than 179 million pixels") from error
    except Exception as error:  # a codec that meets damaged bytes may raise anything
        raise UnusableImage(_reason(error)) from error
    return image, encoding, traits


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


def _flatten(image: Image.Image, encoding: _Encoding, traits: list[str]) -> Image.Image:
    """Return the image in mode L (grey) or RGB, 8 bits, opaque."""
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and encoding.format == "PNG"):
        return _from_sixteen(image, encoding, traits)
    if mode in ("I", "F"):
        kind = "32-bit integer" if mode == "I" else "floating-point"
        raise UnusableImage(f"{kind} pixels, whose scale is not known")
    if encoding.bits == 16:  # Pillow has taken the high bytes
        traits.append("16-bit")
        _say_dark(max(high for _, high in _extrema(image)[:3]) << 8, traits)
    grey = mode in ("1", "L", "LA", "La") or encoding.raw == "LA;16B" or _is_grey_palette(image)
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        _scale_key(image, encoding)
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() != (255, 255):
            traits.append("transparency on white")
        white = Image.new("RGBA", rgba.size, "white")
        white.alpha_composite(rgba)
        image = white
    elif mode not in ("1", "L", "RGB"):
        traits.append(("grey palette" if grey else "palette") if mode == "P" else mode)
    if grey and image.mode in ("P", "RGBA"):  # its channels are equal
        return image.convert("RGB").getchannel("R")
    wanted = "L" if grey else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _from_sixteen(image: Image.Image, encoding: _Encoding, traits: list[str]) -> Image.Image:
    """Return grey levels of 12 or 16 bits in 8."""
    levels, bits = np.asarray(image).astype(np.int64), 12 if encoding.bits == 12 else 16
    traits.append(f"{bits}-bit")
    if bits == 16:
        _say_dark(int(levels.max()), traits)
    if encoding.inverted:
        levels = 2**bits - 1 - levels
    shown = (levels >> (bits - 8)).clip(0, 255)  # Pillow treats 16-bit colour the same way
    key = image.info.get("transparency")
    if isinstance(key, int) and (levels == key).any():
        traits.append("transparency on white")
        shown[levels == key] = 255
    return Image.fromarray(shown.astype(np.uint8))


def _say_dark(brightest: int, traits: list[str]) -> None:
    if 0 < brightest < 4096:
        traits.append("16-bit without a value above 4095, so nearly black: are they of 12 bits?")


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    found = image.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]  # type: ignore[arg-type, list-item]


def _scale_key(image: Image.Image, encoding: _Encoding) -> None:
    """Bring a PNG's transparent level or colour to the 8 bits its pixels have been brought to."""
    key = image.info.get("transparency")
    if encoding.raw in _LOW_GREYS and isinstance(key, int):
        image.info["transparency"] = key * _LOW_GREYS[encoding.raw]
    elif encoding.bits == 16 and isinstance(key, tuple):
        image.info["transparency"] = tuple(level >> 8 for level in key)


def _is_grey_palette(image: Image.Image) -> bool:
    """Say whether every palette entry that shows is grey; an entry that lacks is black."""
    if image.mode not in ("P", "PA"):
        return False
    indices = np.asarray(image if image.mode == "P" else image.getchannel("P"))
    used = set(np.unique(indices).tolist())
    key = image.info.get("transparency")
    clear = {key} if isinstance(key, int) else {i for i, alpha in enumerate(key or b"") if alpha == 0}
    entries = image.getpalette("RGB") or []
    shown = (entries[3 * index : 3 * index + 3] for index in used - clear)
    return all(len(set(entry)) <= 1 for entry in shown)


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
            image = image.resize((shape.size, shape.size), RESIZERS[shape.resizer])
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)
