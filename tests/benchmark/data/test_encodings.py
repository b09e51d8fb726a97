"""Rare encodings come out as they look, or it is said that they may not; bytes written by hand."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from benchmark.data.decoding import Shape, UnusableImage, decode

DARK = "16-bit without a value above 4095, so nearly black: are they of 12 bits?"
WHITE = "transparency on white"


def png(row: bytes, width: int, depth: int, colour: int, **chunks: bytes) -> bytes:
    """A PNG of one row. Source: ISO/IEC 15948, chapters 5 and 11."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0))
    extra = b"".join(chunk(kind.encode(), data) for kind, data in chunks.items())
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + head + extra + pixels + chunk(b"IEND", b"")


def tiff(row: bytes, width: int, bits: int, photometric: int) -> bytes:
    """A grey TIFF of one row, least significant byte first; photometric 0: 0 is white. Source: TIFF 6.0."""
    entries = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric)]
    entries += [(273, 8 + 2 + 9 * 12 + 4), (277, 1), (278, 1), (279, len(row))]
    listed = b"".join(struct.pack("<HHII", tag, 4 if tag == 273 else 3, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + listed + struct.pack("<I", 0) + row


def words(*levels: int, order: str = ">") -> bytes:
    return struct.pack(f"{order}{len(levels)}H", *levels)


PALETTE = bytes([9, 9, 9, 200, 200, 200, 255, 0, 0])

# bytes, the row of pixels that is right, what is said
ENCODINGS: dict[str, tuple[bytes, list[object], tuple[str, ...]]] = {
    "16-bit grey": (png(words(0x1234, 0xFFFF), 2, 16, 0), [18, 255], ("16-bit",)),
    "12-bit values in a 16-bit PNG": (png(words(0x0FFF, 0x0800), 2, 16, 0), [15, 8], ("16-bit", DARK)),
    "12-bit values in 16-bit colour": (
        png(words(0x0FFF, 0x0800, 0x0100), 1, 16, 2),
        [[15, 8, 1]],
        ("16-bit", DARK),
    ),
    "a black 16-bit image": (png(words(0, 0), 2, 16, 0), [0, 0], ("16-bit",)),
    "16-bit colour": (png(words(0xFF00, 0x8000, 0x0100), 1, 16, 2), [[255, 128, 1]], ("16-bit",)),
    "16-bit grey with alpha": (
        png(words(0x1234, 0xFFFF, 0x8000, 0), 2, 16, 4),
        [18, 255],
        ("16-bit", WHITE),
    ),
    "16-bit grey with a clear level": (
        png(words(0x1234, 0x1235), 2, 16, 0, tRNS=words(0x1234)),
        [255, 18],
        ("16-bit", WHITE),
    ),
    "16-bit colour with a clear colour": (
        png(
            words(0x1111, 0x2222, 0x3333, 0x8000, 0x8000, 0x8000),
            2,
            16,
            2,
            tRNS=words(0x1111, 0x2222, 0x3333),
        ),
        [[255] * 3, [128] * 3],
        ("16-bit", WHITE),
    ),
    "8-bit grey with a clear level": (png(bytes([18, 7]), 2, 8, 0, tRNS=words(18)), [255, 7], (WHITE,)),
    "4-bit grey with a clear level": (png(bytes([0x5A]), 2, 4, 0, tRNS=words(5)), [255, 170], (WHITE,)),
    "2-bit grey with a clear level": (
        png(bytes([0b00011011]), 4, 2, 0, tRNS=words(1)),
        [0, 255, 170, 255],
        (WHITE,),
    ),
    "1-bit grey with a clear level": (png(bytes([0b01000000]), 2, 1, 0, tRNS=words(0)), [255, 255], (WHITE,)),
    "a grey palette": (png(bytes([0, 1]), 2, 8, 3, PLTE=PALETTE), [9, 200], ("grey palette",)),
    "a grey palette with a clear colour": (
        png(bytes([0, 2]), 2, 8, 3, PLTE=PALETTE, tRNS=bytes([255, 255, 0])),
        [9, 255],
        (WHITE,),
    ),
    "a colour palette": (png(bytes([0, 2]), 2, 8, 3, PLTE=PALETTE), [[9] * 3, [255, 0, 0]], ("palette",)),
    "a 16-bit TIFF": (tiff(words(0x1234, 0xFF00, order="<"), 2, 16, 1), [18, 255], ("16-bit",)),
    "a 16-bit TIFF whose 0 is white": (
        tiff(words(0x1234, 0xFF00, order="<"), 2, 16, 0),
        [237, 0],
        ("16-bit",),
    ),
    "an 8-bit TIFF whose 0 is white": (tiff(bytes([0x12, 0xFF]), 2, 8, 0), [237, 0], ()),
    "a 12-bit TIFF": (tiff(bytes([0x12, 0x3F, 0xFF]), 2, 12, 1), [18, 255], ("12-bit",)),
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_a_rare_encoding_is_right_or_said(case: str) -> None:
    data, row, said = ENCODINGS[case]
    image = decode(data, Shape())
    wanted = np.array(row, dtype=np.uint8).reshape(1, len(row), -1)
    assert image.pixels.shape == wanted.shape
    assert np.array_equal(image.pixels, wanted)
    assert image.traits == said


def stored(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


RAMP = np.arange(0, 256, 16, dtype=np.uint8).reshape(4, 4)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "BMP"])
def test_grey_stays_grey_through_a_palette(kind: str) -> None:
    image = decode(stored(Image.fromarray(RAMP).convert("P"), kind), Shape())
    assert np.array_equal(image.pixels[..., 0], RAMP)
    assert image.pixels.shape == (4, 4, 1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        ("1", 1),
        ("L", 1),
        ("LA", 1),
        ("P", 1),
        ("PA", 1),
        ("RGB", 3),
        ("RGBA", 3),
        ("RGBX", 3),
        ("CMYK", 3),
        ("YCbCr", 3),
    ],
)
def test_every_mode_that_a_format_stores_agrees_with_pillow(kind: str, mode: str, channels: int) -> None:
    made = Image.fromarray(RAMP)
    made = made.convert("P").convert("PA") if mode == "PA" else made.convert(mode)
    try:
        data = stored(made, kind)
    except (OSError, KeyError, ValueError):
        pytest.skip("this format stores no such mode")
    with Image.open(io.BytesIO(data)) as opened:
        wanted = np.asarray(opened.convert("L" if channels == 1 else "RGB")).reshape(4, 4, -1)
    pixels = decode(data, Shape()).pixels
    assert np.array_equal(pixels, wanted[..., :1] if pixels.shape[2] == 1 else wanted)
    if kind != "GIF":  # which has palettes only, and this one is grey
        assert pixels.shape == (4, 4, channels)


def test_32_bit_pixels_stay_refused_when_they_are_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), 70_000, dtype=np.int32)).save(buffer, "TIFF", exif=exif)
    with pytest.raises(UnusableImage, match="32-bit integer"):
        decode(buffer.getvalue(), Shape())


def test_enlarging_is_said() -> None:
    assert decode(stored(Image.fromarray(RAMP), "PNG"), Shape(size=16)).traits == ("enlarged to 16 px",)
    assert decode(stored(Image.fromarray(RAMP), "PNG"), Shape(size=4)).traits == ()
