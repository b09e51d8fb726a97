"""Whatever the bytes of an image file: they become pixels, or one line says why not."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from cases import cases, check_read
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmark.data import DatasetSpec
from benchmark.data.decoding import Shape, UnusableImage, decode

pytestmark = pytest.mark.slow
FORMATS = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "GIF": ["1", "L", "P", "RGB"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB"],
}
KINDS = [(kind, mode) for kind, modes in FORMATS.items() for mode in modes]
SUFFIXES = ["png", "PNG", "jpg", "jpeg", "bmp", "webp", "tif", "tiff", "gif", "heic", "txt", ""]
SHAPES = st.builds(
    Shape,
    st.sampled_from([None, 8, 13]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["lanczos", "box", "bilinear", "bicubic"]),
)
SIZES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\1\0"]


@functools.cache
def stored(kind: str, mode: str, frames: int = 1) -> bytes:
    """Write a small image of noise in a format and a mode."""
    rng = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 2**16, (12, 9), dtype=np.uint16))
    elif mode in ("I", "F"):
        image = Image.fromarray(
            rng.integers(0, 2**16, (12, 9)).astype(np.int32 if mode == "I" else np.float32)
        )
    else:
        colour = Image.fromarray(rng.integers(0, 256, (12, 9, 4 if "A" in mode else 3), dtype=np.uint8))
        image = colour.convert("RGB").convert(mode) if mode == "LAB" else colour.convert(mode)
        if mode == "LAB":
            image = Image.merge("LAB", colour.convert("RGB").split())
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": [image.rotate(90)] * (frames - 1)} if frames > 1 else {}
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Write a PNG of a few bytes whose header asks for as many pixels as it likes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Take a sound image and spoil it, or something that never was one."""
    kind, mode = draw(st.sampled_from(KINDS))
    frames = draw(st.sampled_from([1, 1, 1, 2])) if kind in ("GIF", "TIFF", "WEBP", "PNG") else 1
    data = bytearray(stored(kind, mode, frames))
    for _ in range(draw(st.integers(0, 3))):
        how = draw(st.sampled_from(["byte", "cut", "drop", "repeat", "insert", "number", "other"]))
        at = draw(st.integers(0, max(0, len(data) - 1)) | st.integers(0, min(64, max(0, len(data) - 1))))
        width = draw(st.integers(1, 16))
        if how == "byte" and data:
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[at:]
        elif how == "drop":
            del data[at : at + width]
        elif how == "repeat":
            data[at:at] = data[at : at + width]
        elif how == "insert":
            data[at:at] = draw(st.binary(max_size=16))
        elif how == "number":
            data[at : at + 4] = draw(st.sampled_from(SIZES))
        else:
            data += stored(*draw(st.sampled_from(KINDS)))
    return bytes(data)


NEVER = [b"", b"GIF89a", b"<svg/>", bomb(2**31 - 1, 1), bomb(0, 5), bomb(60_000, 60_000)]
ANY = files() | st.binary(max_size=64) | st.sampled_from(NEVER)


@cases(0.12)
@given(data=ANY, shape=SHAPES)
def test_bytes_become_pixels_or_a_reason(data: bytes, shape: Shape) -> None:
    try:
        image = decode(data, shape)
    except UnusableImage as problem:
        reason = str(problem)
    else:
        height, width, channels = image.pixels.shape
        assert image.pixels.dtype == np.uint8
        assert channels in ((1, 3) if shape.channels is None else (shape.channels,))
        assert height == (shape.size or image.height)
        assert width == (shape.size or image.width)
        reason = "none"
    assert reason
    assert reason.isprintable()


@cases(0.05)
@given(
    contents=st.lists(st.tuples(ANY, st.sampled_from(SUFFIXES)), min_size=1, max_size=4),
    shape=SHAPES,
    zipped=st.booleans(),
)
def test_a_place_of_odd_files_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, contents: list[tuple[bytes, str]], shape: Shape, zipped: bool
) -> None:
    root = tmp_path_factory.mktemp("odd")
    sound = [(stored("PNG", "RGB"), "png")] * 12
    entries = {f"{i}.{suffix}".rstrip("."): data for i, (data, suffix) in enumerate(sound + contents)}
    if zipped:
        with zipfile.ZipFile(root / "odd.zip", "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
        source = f"zip:{root / 'odd.zip'}"
    else:
        for name, data in entries.items():
            (root / name).write_bytes(data)
        source = f"folder:{root}"
    check_read(DatasetSpec("odd", source, shape.size, 2, shape.channels, shape.resize), Path(root))
