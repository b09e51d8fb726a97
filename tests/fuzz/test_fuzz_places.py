"""Whatever lies in a zip or an npz: images in two splits, or a UserError; never a file in both or in none."""

from __future__ import annotations

import functools
import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import cases, check_read
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmark.data import DatasetSpec

pytestmark = pytest.mark.slow
FOLDERS = [
    *("train", "test", "Train", "TEST", "val", "valid", "validation"),
    *("cats", "dogs", "a b", "日本", "x" * 100),
]
ODD_FOLDERS = [
    *("..", ".", "", "__MACOSX", ".hidden", "C:\\x", "back\\slash", "\\\\host"),
    *("tab\there", "new\nline", "e\u0301"),
]
NAMES = [
    *("{}.png", "{}.png", "{}.png", "{}.PNG", "{}.jpg", "same.png"),
    *("{}.txt", "{}", ".{}.png", "{}.png/", "{}.zip", "{}.npy"),
]
SPECS = st.fixed_dictionaries(
    {
        "size": st.sampled_from([None, None, 8, 12]),
        "heldout": st.sampled_from([None, None, 2, 5, 10_000]),
        "channels": st.sampled_from([None, 1, 3]),
        "classes": st.sampled_from([None, None, None, ("0",), ("cats", "dogs"), ("x",)]),
    }
)


@functools.cache
def png(number: int) -> bytes:
    """Write an image that no other number has."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


PATHS = st.builds(
    lambda folders, name: "/".join([*folders, name]),
    st.lists(st.sampled_from(FOLDERS), max_size=3)
    | st.lists(st.sampled_from(FOLDERS + ODD_FOLDERS), max_size=2),
    st.sampled_from(NAMES),
)


@st.composite
def archives(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """Write a zip of odd names: its bytes, and the names of the sound images in it."""
    paths = draw(st.lists(PATHS, min_size=1, max_size=8))
    repeat = draw(st.sampled_from([1, 8]))
    buffer, names = io.BytesIO(), []
    with zipfile.ZipFile(buffer, "w") as archive:
        for i, path in enumerate(paths * repeat):
            name = path.format(i)
            inner = buffer.getvalue() if name.endswith(".zip") else png(i)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a name that stands twice
                archive.writestr(name, b"" if name.endswith("/") else inner)
            names.append(name)
    data = bytearray(buffer.getvalue())
    how = draw(st.sampled_from(["sound"] * 6 + ["encrypted", "cut", "bytes", "method", "size"]))
    at = data.rfind(b"PK\x01\x02")
    if how == "encrypted":
        data[at + 8] |= 1
        data[data.find(b"PK\x03\x04") + 6] |= 1
    elif how == "cut":
        del data[draw(st.integers(0, len(data))) :]
    elif how == "bytes":
        for _ in range(draw(st.integers(1, 5))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    elif how == "method":
        data[at + 10] = draw(st.sampled_from([1, 8, 9, 12, 14, 93, 99]))
    elif how == "size":
        data[at + 24 : at + 28] = b"\xff\xff\xff\x7f"
    return bytes(data), names if how == "sound" else []


@cases(0.12)
@given(made=archives(), options=SPECS)
def test_a_zip_of_odd_names_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[bytes, list[str]], options: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("odd") / "odd.zip"
    path.write_bytes(made[0])
    check_read(DatasetSpec("odd", f"zip:{path}", **options), path.parent)


DTYPES = [
    *["uint8"] * 6,
    *("int64", "float32", "bool", "U3", "S2", "object", ">u2", "datetime64[s]", "complex64", "f2", "V3"),
]
TAILS = [
    *((8, 8), (8, 8, 1), (8, 8, 3), (1, 8, 8), (3, 8, 8), (8, 8, 4)),
    *((0, 0), (5, 7, 3), (), (3,), (8, 8, 1, 1), (3, 3)),
]
IMAGES = [
    *("train", "x_train", "images", "x", "arr_0", "test", "x_test", "test_images"),
    *("val", "val_images", "x_val", "Train"),
]
LABELS = ["train_labels", "y_train", "labels", "y", "test_labels", "y_test", "val_labels", "y_val"]
OTHER = ["", "../x", "日本", "a/b", "file", "allow_pickle"]


@st.composite
def arrays(draw: st.DrawFn, tails: list[tuple[int, ...]]) -> np.ndarray[Any, Any]:
    """Make an array of any type, shape and order."""
    count = draw(st.sampled_from([40, 40, 40, 2, 1, 0]))
    tail = draw(st.sampled_from(tails))
    shape = draw(st.sampled_from([(count, *tail)] * 5 + [tail, ()]))
    numbers = np.random.default_rng(draw(st.integers(0, 3))).integers(-1, 12, shape)
    dtype = draw(st.sampled_from(DTYPES))
    array = numbers.astype("i8").astype(dtype) if dtype != "V3" else np.zeros(shape, "V3")
    return np.asfortranarray(array) if draw(st.booleans()) and array.ndim else array


def header(shape: str) -> bytes:
    """Write a .npy of a few bytes whose header says what it likes."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(64)


HEADERS = [
    *("(1000000000000, 8, 8)", "(-1, 8, 8)", "(1e3,)", "((((", "'x'"),
    *("(99999999999999999999,)", "(True,)", "(1,2"),
]
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]


@st.composite
def packages(draw: st.DrawFn) -> bytes:
    """Write an npz of odd arrays, or something like one."""
    content: dict[str, bytes] = {}
    for names, tails in ((IMAGES, TAILS), (LABELS, [(), (), (), (1,), (14,), (2, 2)]), (OTHER, TAILS)):
        for name in draw(st.lists(st.sampled_from(names), max_size=3 if names is not OTHER else 1)):
            buffer = io.BytesIO()
            np.save(buffer, draw(arrays(tails)))
            content[f"{name}.npy"] = buffer.getvalue()
    if not draw(st.integers(0, 5)):
        content["train.npy"] = header(draw(st.sampled_from(HEADERS)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw(st.sampled_from(METHODS))) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    data = bytearray(buffer.getvalue())
    how = draw(st.sampled_from(["sound"] * 8 + ["cut", "bytes", "npy"]))
    if how == "npy" and content:
        return next(iter(content.values()))
    if how == "cut":
        del data[draw(st.integers(0, len(data))) :]
    elif how == "bytes":
        for _ in range(draw(st.integers(1, 5))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@cases(0.14)
@given(data=packages(), options=SPECS)
def test_an_npz_of_odd_arrays_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, options: dict[str, Any]
) -> None:
    path = Path(tmp_path_factory.mktemp("odd")) / "odd.npz"
    path.write_bytes(data)
    check_read(DatasetSpec("odd", f"npz:{path}", **options), path.parent)
