"""Datasets: fixed held-out split, nested budgets, fingerprints, and bad input named."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from photographs import photographs
from PIL import Image

from benchmark.data import DatasetSpec, budget_indices, load_dataset
from benchmark.errors import UserError


def png(seed: int, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> bytes:
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, mode).save(buffer, "PNG")
    return buffer.getvalue()


def fill(folder: Path, count: int = 12, **settings: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (folder / f"{i:02}.png").write_bytes(png(i, **settings))  # type: ignore[arg-type]
    return folder


def folder_spec(folder: Path, **settings: object) -> DatasetSpec:
    return DatasetSpec("mine", f"folder:{folder}", **settings)  # type: ignore[arg-type]


def test_digits_are_all_there_and_split_once_and_for_all() -> None:
    data = load_dataset(DatasetSpec("digits", "digits", size=16, heldout=500))
    assert data.train.shape == (1297, 16, 16, 1)
    assert data.heldout.shape == (500, 16, 16, 1)
    assert data.train.dtype == np.uint8
    assert data.train.max() == 255
    again = load_dataset.__wrapped__(DatasetSpec("another name", "digits", size=16, heldout=500))
    assert again.fingerprint == data.fingerprint
    assert load_dataset(DatasetSpec("digits", "digits", size=8, heldout=500)).fingerprint != data.fingerprint


def test_budgets_nest_and_differ_by_seed() -> None:
    data = load_dataset(DatasetSpec("digits", "digits"))
    small, large = budget_indices(data, 60, 1), budget_indices(data, 300, 1)
    assert len(set(large)) == 300
    assert np.array_equal(large[:60], small)
    assert set(budget_indices(data, 60, 2)) != set(small)


def test_heldout_is_disjoint_from_the_pool(tmp_path: Path) -> None:
    data = load_dataset(folder_spec(fill(tmp_path), heldout=4))
    pool, heldout = ({image.tobytes() for image in part} for part in (data.train, data.heldout))
    assert len(pool) == 8
    assert len(heldout) == 4
    assert not pool & heldout


def test_train_and_test_folders_are_respected(tmp_path: Path) -> None:
    fill(tmp_path / "train", 7)
    fill(tmp_path / "test", 3)
    data = load_dataset(folder_spec(tmp_path))
    assert (len(data.train), len(data.heldout)) == (7, 3)
    assert np.array_equal(data.heldout[0], np.asarray(Image.open(tmp_path / "test" / "00.png")))


def test_a_zip_reads_like_the_folder_it_was_made_from(tmp_path: Path) -> None:
    folder = fill(tmp_path / "images")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    one = load_dataset(folder_spec(folder))
    other = load_dataset(DatasetSpec("mine", f"zip:{tmp_path / 'images.zip'}"))
    assert one.fingerprint == other.fingerprint


def test_grey_stays_grey_and_other_sizes_are_cropped_and_resized(tmp_path: Path) -> None:
    data = load_dataset(folder_spec(fill(tmp_path / "grey", mode="L")))
    assert data.channels == 1
    wide = load_dataset(folder_spec(fill(tmp_path / "wide", size=(40, 20)), size=10, resize="box"))
    assert wide.train.shape[1:] == (10, 10, 3)
    image = (
        Image.open(tmp_path / "wide" / "00.png").crop((10, 0, 30, 20)).resize((10, 10), Image.Resampling.BOX)
    )
    assert any(np.array_equal(np.asarray(image), x) for x in [*wide.train, *wide.heldout])


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    (fill(tmp_path) / "05.png").write_bytes(png(5)[:60])
    with pytest.raises(UserError, match=r"'05\.png' is not a readable image"):
        load_dataset(folder_spec(tmp_path))


def test_text_named_png_is_named(tmp_path: Path) -> None:
    (fill(tmp_path) / "readme.png").write_text("not an image")
    with pytest.raises(UserError, match=r"'readme\.png' is not a readable image"):
        load_dataset(folder_spec(tmp_path))


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png"])
def test_zip_names_cannot_point_outside(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, png(0))
    with pytest.raises(UserError, match="points outside"):
        load_dataset(DatasetSpec("bad", f"zip:{tmp_path / 'bad.zip'}"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("folder:/nowhere/at/all", "no such folder"),
        ("zip:/nowhere.zip", "no such file"),
        ("digit", "unknown"),
        ("folder:", "unknown"),
    ],
)
def test_missing_sources_are_named(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_dataset(DatasetSpec("x", source))


def test_an_empty_folder_a_broken_zip_and_mixed_sizes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image"):
        load_dataset(folder_spec(tmp_path / "empty"))
    (tmp_path / "broken.zip").write_text("no zip")
    with pytest.raises(UserError, match="not a readable zip"):
        load_dataset(DatasetSpec("x", f"zip:{tmp_path / 'broken.zip'}"))
    fill(tmp_path / "mixed", 3)
    (tmp_path / "mixed" / "other.png").write_bytes(png(9, (20, 20)))
    with pytest.raises(UserError, match="differ in size"):
        load_dataset(folder_spec(tmp_path / "mixed"))


def test_a_budget_larger_than_the_data_is_refused() -> None:
    data = load_dataset(DatasetSpec("digits", "digits"))
    with pytest.raises(UserError, match="larger than dataset 'digits'"):
        budget_indices(data, 5000, 0)


def test_real_colour_photographs_load() -> None:
    data = load_dataset(DatasetSpec("cats", f"zip:{photographs()}", heldout=500))
    assert data.train.shape == (5000, 32, 32, 3)
    assert data.heldout.shape == (500, 32, 32, 3)
    assert 60 < data.train.mean() < 180


def test_published_fingerprints_stand() -> None:
    """The published records of digits are named by it: the same images in the same order, for ever."""
    data = load_dataset(DatasetSpec("digits", "digits", size=16, heldout=500))
    assert data.fingerprint == "361f7b388940d39c"


def test_the_published_fingerprint_of_cats_stands() -> None:
    data = load_dataset(DatasetSpec("cats", f"zip:{photographs()}", size=32, heldout=500))
    assert data.fingerprint == "ca67b56f9441918d"


def test_labels_of_digits_are_in_the_order_of_their_images() -> None:
    data = load_dataset(DatasetSpec("digits", "digits", size=16, heldout=500))
    assert data.train_labels is not None
    assert data.heldout_labels is not None
    # nearest neighbours of another split agree on the class almost always, if labels and images pair up
    train = data.train.reshape(len(data.train), -1).astype(float)
    heldout = data.heldout.reshape(len(data.heldout), -1).astype(float)
    squares = (heldout**2).sum(1)[:, None] + (train**2).sum(1) - 2 * heldout @ train.T
    agree = data.train_labels[squares.argmin(1)] == data.heldout_labels
    assert agree.mean() > 0.95


def test_classes_keep_their_images_only() -> None:
    data = load_dataset(DatasetSpec("threes", "digits", classes=("3", "8"), heldout=50))
    assert data.train_labels is not None
    assert set(data.train_labels.tolist()) == {3, 8}
    assert len(data.train) + len(data.heldout) == 183 + 174
    with pytest.raises(UserError, match="classes 'cat' is unknown"):
        load_dataset(DatasetSpec("x", "digits", classes=("cat",)))


def test_classes_of_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="knows no classes"):
        load_dataset(folder_spec(fill(tmp_path), classes=("cat",)))
