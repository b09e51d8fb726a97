"""A split is decided in one place: by the first folder that is one, in any case, the same for every kind."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from running_bench import bench

from benchmark.data import Dataset, DatasetSpec, load_dataset
from benchmark.data.decoding import Shape
from benchmark.data.packing import pack
from benchmark.data.places import Folder
from benchmark.data.splits import Split, split_by_folders

Layout = dict[str, int]  # folder -> images


def pixels(folder: str, i: int) -> np.ndarray:
    """An image that says where it lies."""
    random = np.random.default_rng(list(f"{folder}/{i}".encode()))
    return random.integers(0, 256, (8, 8, 3), dtype=np.uint8)


def files(layout: Layout) -> dict[str, np.ndarray]:
    return {f"{folder}/{i:03}.png": pixels(folder, i) for folder, n in layout.items() for i in range(n)}


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write(root: Path, layout: Layout) -> Path:
    for name, image in files(layout).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(image))
    return root


def load(source: str, **settings: object) -> Dataset:
    return load_dataset.__wrapped__(DatasetSpec("mine", source, **settings))  # type: ignore[arg-type]


def folders_of(images: np.ndarray, layout: Layout) -> Counter[str]:
    """Return which folders some images come from."""
    where = {image.tobytes(): name.rpartition("/")[0] for name, image in files(layout).items()}
    return Counter(where[image.tobytes()] for image in images)


# layout, folders that are held out (None: no split), folders in no split, what a note says
LAYOUTS: dict[str, tuple[Layout, set[str] | None, set[str], str]] = {
    "plain": ({"train": 7, "test": 3}, {"test"}, set(), "split: 7 under train/, 3 under test/"),
    "a class called train": (
        {"train/bus": 4, "train/train": 4, "test/bus": 3, "test/train": 3},
        {"test/bus", "test/train"},
        set(),
        "split: 8 under train/, 6 under test/",
    ),
    "classes first, one called train": (
        {"bus/train": 4, "bus/test": 2, "train/train": 4, "train/test": 2},
        {"bus/test", "train/test"},
        set(),
        "split: 8 under train/, 4 under test/",
    ),
    "a class without training images": (
        {"bus/train": 4, "bus/test": 2, "train/test": 2},
        {"bus/test", "train/test"},
        set(),
        "split: 4 under train/, 4 under test/",
    ),
    "another case": ({"Train": 7, "TEST": 3}, {"TEST"}, set(), "split: 7 under Train/, 3 under TEST/"),
    "other words": ({"training": 7, "Testing": 3}, {"Testing"}, set(), "under Testing/"),
    "validation only": ({"train": 7, "val": 3}, {"val"}, set(), "split: 7 under train/, 3 under val/"),
    "valid": ({"train": 7, "valid": 3}, {"valid"}, set(), "under valid/"),
    "validation": ({"train": 7, "Validation": 3}, {"Validation"}, set(), "under Validation/"),
    "all three": (
        {"train": 7, "val": 2, "test": 3},
        {"test"},
        {"val"},
        "passed over: images in no split (2 under val/)",
    ),
    "unlabelled ones beside": (
        {"train": 4, "test": 3, "unlabeled": 20},
        {"test"},
        {"unlabeled"},
        "passed over: images in no split (20 under unlabeled/)",
    ),
    "masks beside": (
        {"train": 4, "test": 3, "train_masks": 4, "test_masks": 3},
        {"test"},
        {"train_masks", "test_masks"},
        "4 under train_masks/, 3 under test_masks/",
    ),
    "deeper": (
        {"set/images/train/a": 5, "set/images/test/a": 2},
        {"set/images/test/a"},
        set(),
        "split: 5 under train/, 2 under test/",
    ),
    "far apart": ({"a/train": 5, "b/test": 2}, {"b/test"}, set(), "split: 5 under train/, 2 under test/"),
    "unpacked twice": ({"train/train": 5, "test/test": 2}, {"test/test"}, set(), "split: 5 under train/"),
    "classes": (
        {"bus": 4, "car": 4, "dog": 4, "test": 4, "train": 4},
        None,
        set(),
        "test/, train/ stand among bus/, car/, dog/: taken for classes, not for splits",
    ),
    "test alone": ({"a": 9, "test": 3}, None, set(), "no split: 3 under test/, and no train/"),
    "an unknown word": ({"train": 9, "dev": 3}, None, set(), "no split: train/ stands beside 3 under dev/"),
}


@pytest.mark.parametrize("case", LAYOUTS)
@pytest.mark.parametrize("kind", ["folder", "zip", "zip of Windows", "packed"])
def test_every_file_is_in_one_split_or_counted_as_in_none(tmp_path: Path, case: str, kind: str) -> None:
    layout, held, neither, said = LAYOUTS[case]
    if kind.startswith("zip"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name, image in files(layout).items():
                archive.writestr(name.replace("/", "\\") if "Windows" in kind else name, png(image))
        source = f"zip:{tmp_path / 'a.zip'}"
    else:
        source = f"folder:{write(tmp_path / 'a', layout)}"
    if kind == "packed":
        pack(Folder(tmp_path / "a"), tmp_path / "pack", Shape(8), processes=1)
        source = f"packed:{tmp_path / 'pack'}"
    data = load(source)
    pool, heldout = folders_of(data.train[:], layout), folders_of(data.heldout, layout)
    expected = {folder: n for folder, n in layout.items() if folder not in neither}
    assert pool + heldout == expected
    if held is not None:
        assert heldout == {folder: layout[folder] for folder in held}
    assert any(said in note for note in data.notes), data.notes


def test_loose_images_beside_a_split_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {"train": 5, "test": 3})
    (tmp_path / "cover.png").write_bytes(b"not even an image")
    data = load(f"folder:{tmp_path}")
    assert "passed over: images in no split (1 beside the folders)" in data.notes


@pytest.mark.parametrize(
    ("names", "heldout", "passed"),
    [
        (("train", "test"), "test", None),
        (("X_train", "X_test"), "X_test", None),
        (("train_images", "val_images"), "val_images", None),
        (("x_train", "x_valid"), "x_valid", None),
        (("Training", "Testing"), "Testing", None),
        (("train_images", "test_images", "val_images"), "test_images", "val_images"),
        (("images", "test"), "test", None),
        (("train", "test", "images"), "test", "images"),
    ],
)
def test_arrays_split_by_the_same_words(
    tmp_path: Path, names: tuple[str, ...], heldout: str, passed: str | None
) -> None:
    arrays = {name: np.stack([pixels(name, i) for i in range(3 + k)]) for k, name in enumerate(names)}
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    data = load(f"npz:{tmp_path / 'a.npz'}")
    assert np.array_equal(data.train, arrays[names[0]])
    assert np.array_equal(data.heldout, arrays[heldout])
    wanted = passed and f"passed over: arrays in no split ({len(arrays[passed])} in {passed})"
    assert [n for n in data.notes if n.startswith("passed")] == ([wanted] if wanted else [])


@pytest.mark.parametrize(
    ("splits", "heldout", "passed"),
    [
        (("train", "validation"), "validation", None),
        (("Train", "Test"), "Test", None),
        (("train", "valid", "test", "extra"), "test", "5 in extra, 4 in valid"),
    ],
)
def test_splits_of_hugging_face_go_by_the_same_words(
    monkeypatch: pytest.MonkeyPatch, splits: tuple[str, ...], heldout: str, passed: str | None
) -> None:
    datasets = pytest.importorskip("datasets", reason="SKIPPED LOUDLY: the extra hf is not installed")
    counts = {"valid": 4, "extra": 5}

    def rows(split: str) -> object:
        cells = [{"bytes": png(pixels(split, i)), "path": None} for i in range(counts.get(split, 6))]
        return datasets.Dataset.from_dict(
            {"image": cells}, features=datasets.Features({"image": datasets.Image()})
        )

    made = datasets.DatasetDict({split: rows(split) for split in splits})
    monkeypatch.setattr(datasets, "load_dataset", lambda name: made)
    data = load("hf:some/set")
    assert np.array_equal(data.train, np.stack([pixels(splits[0], i) for i in range(6)]))
    assert np.array_equal(data.heldout, np.stack([pixels(heldout, i) for i in range(6)]))
    wanted = [f"passed over: images in no split ({passed})"] if passed else []
    assert [note for note in data.notes if note.startswith("passed")] == wanted


WORDS = st.sampled_from(["train", "Test", "val", "bus", "car", "masks", "testing", "valid"])


@given(st.lists(st.lists(WORDS, max_size=3), min_size=1, max_size=30))
def test_no_layout_puts_a_file_into_two_splits_or_loses_one(folders: list[list[str]]) -> None:
    names = ["/".join([*parts, f"{i}.png"]) for i, parts in enumerate(folders)]
    split = split_by_folders(names)
    heldout = [] if split.heldout is None else split.heldout.tolist()
    assert sorted([*split.pool.tolist(), *heldout, *split.neither.tolist()]) == list(range(len(names)))
    assert split.heldout is None or (len(split.pool) and len(heldout))
    if len(split.neither):
        (said,) = [note for note in split.notes if note.startswith("passed over: images in no split")]
        numbers = [int(word) for word in said.replace("(", " ").split() if word.isdigit()]
        assert sum(numbers) == len(split.neither)


def test_an_image_in_two_splits_is_an_error_of_ours() -> None:
    rows = np.arange(4)
    with pytest.raises(AssertionError, match="two splits"):
        Split(rows, rows[2:], rows[:0])
    with pytest.raises(AssertionError, match="two splits"):
        Split(rows[:2], rows[3:], rows[:0])


def test_check_dry_run_and_run_say_the_same_of_a_data_set(tmp_path: Path, suite_text: str) -> None:
    write(tmp_path / "set", {"train": 30, "val": 6, "test": 8})
    (tmp_path / "set" / "notes.csv").write_text("")
    dataset = "{name: digits, source: digits, size: 16, heldout: 40}"
    assert dataset in suite_text
    text = suite_text.replace(dataset, "{name: mine, source: 'folder:set', size: 16}")
    (tmp_path / "a.yaml").write_text(text.replace("  - {name: phased, stages: [prior]}\n", ""))
    told = []
    for arguments in (
        ["data", "check", "set", "--size", "16"],
        ["run", "a.yaml", "--dry-run"],
        ["run", "a.yaml", "--local"],
    ):
        done = bench(*arguments, cwd=tmp_path, environment={"COLUMNS": "200"})
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    for note in (
        "split: 30 under train/, 8 under test/",
        "passed over: images in no split (6 under val/)",
        "passed over: .csv files (1)",
        "handled: enlarged to 16 px (38)",
    ):
        assert f"  {note}" in told[0]
        assert f"mine: {note}" in told[1]
        assert f"mine: {note}" in told[2]
