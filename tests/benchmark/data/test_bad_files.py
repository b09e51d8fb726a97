"""Hostile files: handled, or listed by name with the reason; never a traceback, never a silent skip."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from running_bench import bench

from benchmark.data import DatasetSpec, load_dataset
from benchmark.data.checking import check_place
from benchmark.data.decoding import Shape, UnusableImage, decode
from benchmark.data.places import Folder, Zip
from benchmark.errors import UserError


def photograph(seed: int = 0, size: tuple[int, int] = (24, 24)) -> Image.Image:
    """Smooth colour, so that a JPEG of it is close to it."""
    y, x = np.mgrid[: size[1], : size[0]] / max(size)
    r, g, b = np.random.default_rng(seed).random(3)
    return Image.fromarray((255 * np.stack([x * r, y * g, (1 - x) * b], -1)).astype(np.uint8))


def stored(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def pixels(data: bytes, **shape: object) -> np.ndarray:
    return decode(data, Shape(**shape)).pixels  # type: ignore[arg-type]


def reason(data: bytes) -> str:
    with pytest.raises(UnusableImage) as caught:
        decode(data, Shape())
    return str(caught.value)


def test_truncated_jpeg_png_and_gif_are_refused() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for kind in ("JPEG", "PNG", "GIF"):
        whole = stored(noise, kind)
        assert "truncated" in reason(whole[: len(whole) // 2]) or "damaged" in reason(
            whole[: len(whole) // 2]
        )
    assert reason(stored(noise, "JPEG")[:2000]).startswith("truncated")


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = decode(stored(Image.fromarray(levels.astype(np.uint16) * 257)), Shape())
    assert np.array_equal(grey.pixels[..., 0], levels)
    assert grey.traits == ("16-bit",)
    middle = pixels(stored(Image.fromarray(np.full((4, 4), 0x7FFF, dtype=np.uint16))))
    assert (middle == 127).all()


def test_pixels_of_unknown_scale_are_refused() -> None:
    assert "floating-point" in reason(stored(Image.fromarray(np.ones((4, 4), dtype=np.float32)), "TIFF"))
    assert "32-bit" in reason(stored(Image.fromarray(np.ones((4, 4), dtype=np.int32)), "TIFF"))


def test_cmyk_becomes_rgb() -> None:
    image = decode(stored(photograph().convert("CMYK"), "TIFF"), Shape())
    assert image.traits == ("CMYK",)
    assert np.abs(image.pixels.astype(int) - np.asarray(photograph())).max() <= 2


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_transparency_lies_on_white(mode: str) -> None:
    rgba = photograph().convert("RGBA")
    rgba.paste((0, 0, 0, 0), (0, 0, 12, 24))
    data = stored(rgba.quantize(64)) if mode == "P" else stored(rgba.convert(mode))
    image = decode(data, Shape())
    assert image.traits == ("transparency on white",)
    assert (image.pixels[:, :12] == 255).all()
    assert (image.pixels[:, 12:] < 255).any(axis=-1).all()
    assert image.pixels.shape[2] == (1 if mode == "LA" else 3)


def test_colour_keyed_transparency_lies_on_white() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    image.putpixel((0, 0), (1, 2, 3))
    shown = pixels(stored(image, transparency=(1, 2, 3)))
    assert shown[0, 0].tolist() == [255, 255, 255]
    assert shown[1, 1].tolist() == [10, 20, 30]


def test_an_opaque_alpha_changes_nothing() -> None:
    image = decode(stored(photograph().convert("RGBA")), Shape())
    assert np.array_equal(image.pixels, np.asarray(photograph()))
    assert image.traits == ()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused_and_one_is_read(kind: str) -> None:
    frames = [photograph(i) for i in range(3)]
    moving = stored(frames[0], kind, save_all=True, append_images=frames[1:])
    assert "3 frames" in reason(moving)
    assert pixels(stored(frames[0], kind)).shape == (24, 24, 3)


def test_a_phones_mpo_is_its_first_frame() -> None:
    image = decode(stored(photograph(0), "MPO", save_all=True, append_images=[photograph(1)]), Shape())
    assert image.traits == ("first frame of MPO",)
    assert np.abs(image.pixels.astype(int) - np.asarray(photograph(0))).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_before_cropping(orientation: int) -> None:
    seen = photograph(3, (40, 20))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    as_stored = seen.transpose(undo[orientation]) if orientation > 1 else seen
    image = decode(stored(as_stored, exif=exif), Shape())
    assert (image.width, image.height) == (40, 20)
    assert np.array_equal(image.pixels, np.asarray(seen))


def test_text_nothing_and_other_bytes_say_what_they_are() -> None:
    assert reason(b"GIF89a is how this text begins, but it is none") != ""
    assert reason("grüße, not an image".encode()) == "text, not an image"
    assert reason(b"") == "empty, 0 bytes"
    assert reason(bytes(range(256))) == "not an image"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]), st.data())
def test_damaged_bytes_never_raise_anything_else(kind: str, data: st.DataObject) -> None:
    whole = bytearray(stored(photograph(), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnusableImage):
        assert decode(bytes(whole), Shape(size=8, channels=3)).pixels.shape == (8, 8, 3)


def test_an_image_of_too_many_pixels_is_refused() -> None:
    assert "million pixels" in reason(stored(Image.new("1", (20_000, 20_000))))


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Every bad kind once, beside twelve good images; unicode names, links, and things that are no images."""
    folder = tmp_path / "hostile"
    (folder / "deep").mkdir(parents=True)
    for i in range(10):
        (folder / f"{i}.png").write_bytes(stored(photograph(i)))
    (folder / "Katze-猫-🐱.png").write_bytes(stored(photograph(20)))
    (folder / "deep" / "e\u0301.PNG").write_bytes(stored(photograph(21)))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8))
    (folder / "cut.jpg").write_bytes(stored(noise, "JPEG")[:700])
    (folder / "deep16.png").write_bytes(stored(Image.fromarray(np.full((24, 24), 40_000, dtype=np.uint16))))
    (folder / "cmyk.jpg").write_bytes(stored(photograph().convert("CMYK"), "JPEG"))
    (folder / "glass.png").write_bytes(stored(Image.new("RGBA", (24, 24), (9, 9, 9, 0)).quantize(4)))
    frames = [photograph(i) for i in range(2)]
    (folder / "moves.gif").write_bytes(stored(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "turned.jpg").write_bytes(stored(photograph(), "JPEG", exif=exif))
    (folder / "text.jpg").write_text("not an image")
    (folder / "other.png").write_bytes(stored(photograph(1, (30, 30))))
    (folder / "empty.png").write_bytes(b"")
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "again").symlink_to(folder / "deep")
    os.mkfifo(folder / "pipe.png")
    (folder / os.fsdecode(b"latin\xe9.txt")).write_text("notes")
    (folder / "list.csv").write_text("notes")
    (folder / ".DS_Store").write_bytes(b"x")
    return folder


REFUSED = ["cut.jpg", "empty.png", "gone.png", "moves.gif", "pipe.png", "self.png", "text.jpg"]


def test_every_file_of_a_hostile_folder_is_accounted_for(hostile: Path) -> None:
    findings = check_place(Folder(hostile), lambda done, total: None)
    assert [name for name, _ in findings.bad] == REFUSED
    assert findings.usable == 17
    assert findings.files == 17 + len(REFUSED)
    assert findings.sizes == {(24, 24): 16, (30, 30): 1}
    assert findings.traits == {"16-bit": 1, "CMYK": 1, "transparency on white": 1, "EXIF rotation": 1}
    assert findings.ignored == {
        ".csv files": 1,
        ".txt files": 1,
        "hidden files": 1,
        "links to folders read already": 2,
    }


def test_bench_data_check_lists_them_and_exits_with_1(hostile: Path) -> None:
    done = bench("data", "check", hostile)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert "17 of 24 files are usable images" in done.stdout
    for name in REFUSED:
        assert f"NOT USABLE '{name}': " in done.stdout
    assert "handled: 16-bit (1)" in done.stdout
    assert "passed over: links to folders read already (2)" in done.stdout


def test_loading_a_hostile_folder_names_all_that_is_wrong(hostile: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_dataset(DatasetSpec("hostile", f"folder:{hostile}", size=16))
    for name in REFUSED:
        assert f"'{name}' is not a readable image" in str(caught.value)
    for name in REFUSED:
        (hostile / name).unlink()
    data = load_dataset(DatasetSpec("hostile", f"folder:{hostile}", size=16))
    assert len(data.train) + len(data.heldout) == 17
    assert "handled: 16-bit (1)" in data.notes
    assert "passed over: .csv files (1)" in data.notes


def test_an_image_of_another_size_is_named(hostile: Path) -> None:
    for name in REFUSED:
        (hostile / name).unlink()
    with pytest.raises(UserError, match=r"16 are 24x24, 'other\.png' is 30x30"):
        load_dataset(DatasetSpec("hostile", f"folder:{hostile}"))


def test_the_first_twenty_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    for i in range(33):
        (tmp_path / f"{i:02}.png").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        load_dataset(DatasetSpec("empty", f"folder:{tmp_path}"))
    assert "33 of 33 files cannot be used" in str(caught.value)
    assert str(caught.value).count("is not a readable image") == 20
    assert "and 13 more" in str(caught.value)


def test_a_damaged_an_encrypted_and_a_doubled_zip_entry_are_accounted_for(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(3):
            archive.writestr(f"{i}.bmp", stored(photograph(i), "BMP"))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("2.bmp", stored(photograph(2), "BMP"))
        archive.writestr("__MACOSX/._0.bmp", b"x")
    content = bytearray(path.read_bytes())
    content[300] ^= 0xFF  # a pixel of 0.bmp: its checksum no longer fits
    central = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", central + 4)
    content[second + 8] |= 1  # the flag of encryption of 1.bmp
    path.write_bytes(bytes(content))
    findings = check_place(Zip(path), lambda done, total: None)
    assert [name for name, _ in findings.bad] == ["0.bmp", "1.bmp"]
    assert "CRC" in findings.bad[0][1]
    assert "password" in findings.bad[1][1]
    assert findings.ignored == {"entries that stand twice": 1, "hidden files": 1}


def test_a_hundred_thousand_files_in_one_folder(tmp_path: Path) -> None:
    for i in range(100_000):
        path = tmp_path / f"{i:06}.png"
        if i % 40_000 == 0:  # a file system allows some 65,000 links to one file
            path.write_bytes(b"")
            empty = path
        elif i % 20_000 == 1:
            path.write_bytes(stored(Image.new("L", (8, 8), 7)))
        else:
            os.link(empty, path)
    place = Folder(tmp_path)
    assert len(place.names) == 100_000
    assert place.names == sorted(place.names)
    with pytest.raises(UserError) as caught:
        load_dataset(DatasetSpec("many", f"folder:{tmp_path}"))
    assert "99995 of 100000 files cannot be used" in str(caught.value)
    assert len(str(caught.value)) < 4_000
