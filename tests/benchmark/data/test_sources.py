"""npz, torchvision's sets and Hugging Face's, on small files made here in their own layouts; no network."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import DatasetSpec, load_dataset
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite

RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("keys", [("train", "test"), ("x_train", "x_test"), ("train_images", "test_images")])
def test_npz_with_a_split(tmp_path: Path, keys: tuple[str, str]) -> None:
    train, test = noise(9, 8, 8, 3), noise(4, 8, 8, 3)
    np.savez(tmp_path / "a.npz", **{keys[0]: train, keys[1]: test})
    data = load_dataset(DatasetSpec("a", f"npz:{tmp_path / 'a.npz'}"))
    assert np.array_equal(data.train, train)
    assert np.array_equal(data.heldout, test)
    assert data.train_labels is None


def test_npz_grey_channel_first_and_labels(tmp_path: Path) -> None:
    images, labels = noise(20, 8, 8), np.arange(20)[:, None] % 3
    np.savez(tmp_path / "grey.npz", images=images, labels=labels)
    data = load_dataset(DatasetSpec("grey", f"npz:{tmp_path / 'grey.npz'}", classes=("1",), heldout=2))
    assert data.channels == 1
    assert len(data.train) + len(data.heldout) == 7
    first = noise(10, 3, 8, 8)
    np.savez(tmp_path / "first.npz", first)
    data = load_dataset(DatasetSpec("first", f"npz:{tmp_path / 'first.npz'}", size=4, channels=1, heldout=2))
    assert data.train.shape == (8, 4, 4, 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 8, 8), np.float32)}, "holds float32, 0.0 to 0.0"),
        ({"x": np.zeros((3, 8, 8, 4), np.uint8)}, r"'x' is \(3, 8, 8, 4\)"),
        ({"x": np.zeros((3, 8, 6), np.uint8)}, "6x8, not square"),
        ({"weights": np.zeros(3)}, "holds weights"),
        ({"x": np.uint8(3)}, r"'x' is \(\)"),
        ({"x": np.array([{}], dtype=object)}, "not a readable npz"),
    ],
)
def test_bad_npz_is_explained(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        load_dataset(DatasetSpec("bad", f"npz:{tmp_path / 'bad.npz'}"))


def test_missing_and_damaged_npz_are_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_dataset(DatasetSpec("x", "npz:/nowhere.npz"))
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(UserError, match="not a readable npz"):
        load_dataset(DatasetSpec("x", f"npz:{tmp_path / 'text.npz'}"))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $BENCH_DATA, and no network: urllib refuses, as it does without one."""
    import urllib.request
    from urllib.error import URLError

    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    load_dataset.cache_clear()
    return tmp_path / "torchvision"


def idx(array: np.ndarray) -> bytes:
    """MNIST's own format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(("name", "folder"), [("fashion_mnist", "FashionMNIST"), ("mnist", "MNIST")])
def test_mnists_layout(root: Path, name: str, folder: str) -> None:
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    train, test = noise(12, 28, 28), noise(6, 28, 28)
    labels = np.arange(12, dtype=np.uint8) % 10
    for prefix, images, its in (("train", train, labels), ("t10k", test, labels[:6])):
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(its))
    data = load_dataset(DatasetSpec(name, name))
    assert np.array_equal(data.train[..., 0], train)
    assert np.array_equal(data.heldout[..., 0], test)
    assert data.train_labels is not None
    assert data.train_labels.tolist() == labels.tolist()
    one = load_dataset(DatasetSpec(name, name, classes=("1",) if name == "mnist" else ("Trouser",), size=16))
    assert one.train.shape == (2, 16, 16, 1)


def test_cifars_layout_and_its_cats(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    base = root / CIFAR10.base_folder
    base.mkdir(parents=True)
    flat, labels = noise(20, 3072), [i % 10 for i in range(20)]

    def write(name: str, content: dict[object, object]) -> list[str]:
        (base / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((base / name).read_bytes()).hexdigest()]

    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    monkeypatch.setattr(CIFAR10, "train_list", [write("data_batch_1", {"data": flat, "labels": labels})])
    monkeypatch.setattr(
        CIFAR10, "test_list", [write("test_batch", {"data": flat[:10], "labels": labels[:10]})]
    )
    meta = write("batches.meta", {"label_names": names})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})
    data = load_dataset(DatasetSpec("cats", "cifar10", classes=("cat",)))
    assert data.train.shape == (2, 32, 32, 3)
    assert np.array_equal(data.train[0], flat[3].reshape(3, 32, 32).transpose(1, 2, 0))
    assert data.heldout.shape == (1, 32, 32, 3)
    with pytest.raises(UserError, match="Did you mean 'cat'"):
        load_dataset(DatasetSpec("cats", "cifar10", classes=("cats",)))


def test_svhns_layout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    root.mkdir()
    listed = {}
    images = noise(32, 32, 3, 8)
    for split in ("train", "test"):
        file = root / f"{split}_32x32.mat"
        savemat(file, {"X": images, "y": np.arange(1, 9)[:, None]})
        listed[split] = ["", file.name, hashlib.md5(file.read_bytes()).hexdigest()]
    monkeypatch.setattr(SVHN, "split_list", listed)
    data = load_dataset(DatasetSpec("svhn", "svhn", classes=("3", "7")))
    assert data.train.shape == (2, 32, 32, 3)
    assert np.array_equal(data.train[0], images[..., 2])


def test_stl10s_layout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import STL10

    base = root / STL10.base_folder
    base.mkdir(parents=True)
    images = noise(4, 3, 96, 96)  # stored column by column

    def write(name: str, content: bytes) -> list[str]:
        (base / name).write_bytes(content)
        return [name, hashlib.md5(content).hexdigest()]

    (base / "class_names.txt").write_text("airplane\nbird\ncar\ncat\n")
    (base / "fold_indices.txt").write_text("0 1\n")
    for attribute, prefix in (("train_list", "train"), ("test_list", "test")):
        lists = [write(f"{prefix}_X.bin", images.tobytes()), write(f"{prefix}_y.bin", bytes([1, 2, 3, 4]))]
        if prefix == "train":
            lists.append(write("unlabeled_X.bin", images.tobytes()))
        monkeypatch.setattr(STL10, attribute, lists)
    monkeypatch.setattr(STL10, "class_names_file", "class_names.txt")
    data = load_dataset(DatasetSpec("stl10", "stl10", classes=("cat",), size=48, resize="box"))
    upright = Image.fromarray(images[3].transpose(2, 1, 0))
    assert np.array_equal(data.train[0], np.asarray(upright.resize((48, 48), Image.Resampling.BOX)))


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10", "svhn", "stl10", "usps", "kmnist", "cifar100"])
def test_without_a_network_two_lines_say_what_to_do(root: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        load_dataset(DatasetSpec("x", name))
    message, hint = str(caught.value).splitlines()
    assert f"'{name}' is not in {root} and cannot be downloaded" in message
    assert f"bench data prepare {name}" in hint


@pytest.fixture
def hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library `datasets`, offline and with a cache of its own."""
    datasets = pytest.importorskip("datasets", reason="SKIPPED LOUDLY: the extra hf is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_image_folder_of_hugging_faces_layout(hugging_face: Path) -> None:
    images = noise(12, 8, 8, 3)
    for i, image in enumerate(images):
        folder = hugging_face / "set" / ("train" if i < 8 else "test") / ("cat" if i % 2 else "bird")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i:02}.png").write_bytes(png(image))
    data = load_dataset(DatasetSpec("set", f"hf:{hugging_face / 'set'}", classes=("cat",)))
    assert {image.tobytes() for image in data.train} == {image.tobytes() for image in images[1:8:2]}
    assert {image.tobytes() for image in data.heldout} == {image.tobytes() for image in images[9::2]}


def test_parquet_files_with_images_inside(hugging_face: Path) -> None:
    import datasets

    images = noise(10, 8, 8, 3)
    rows = [{"bytes": png(image), "path": None} for image in images]
    features = datasets.Features({"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b"])})
    table = datasets.Dataset.from_dict(
        {"picture": rows, "kind": [i % 2 for i in range(10)]}, features=features
    )
    (hugging_face / "set").mkdir()
    table.select(range(7)).to_parquet(hugging_face / "set" / "train-00000.parquet")
    table.select(range(7, 10)).to_parquet(hugging_face / "set" / "test-00000.parquet")
    data = load_dataset(DatasetSpec("set", f"hf:{hugging_face / 'set'}"))
    assert np.array_equal(data.train, images[:7])
    assert np.array_equal(data.heldout, images[7:])
    assert data.train_labels is not None
    assert data.train_labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    broken = datasets.Dataset.from_dict({"picture": [{"bytes": b"text", "path": None}] * 3})
    broken = broken.cast_column("picture", datasets.Image())
    (hugging_face / "bad").mkdir()
    broken.to_parquet(hugging_face / "bad" / "train.parquet")
    with pytest.raises(UserError, match="'train/0' is not a readable image"):
        load_dataset(DatasetSpec("bad", f"hf:{hugging_face / 'bad'}"))


def test_a_hugging_face_name_without_a_network_is_explained(hugging_face: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded"):
        load_dataset(DatasetSpec("x", "hf:no-such-owner/no-such-set"))


def test_a_missing_hugging_face_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install .*\[hf\]"):
        load_dataset(DatasetSpec("x", "hf:some/set"))


def test_a_suite_names_sources_classes_and_counts(suite_file: Path) -> None:
    text = suite_file.read_text()
    dataset = "  - {name: digits, source: digits, size: 16, heldout: 40}"
    assert dataset in text
    np.savez(suite_file.parent / "mine.npz", noise(40, 16, 16), labels=np.arange(40) % 2)
    suite_file.write_text(
        text.replace(
            dataset,
            "  - {name: shapes, size: 16, images: 50, heldout: 20}\n"
            "  - {name: digits, size: 16, classes: ['3'], heldout: 40}\n"
            "  - npz:mine.npz",
        )
    )
    trials = plan_trials(load_suite(suite_file))
    assert {trial.dataset.name for trial in trials} == {"shapes", "digits", "mine"}
    suite_file.write_text(text.replace(dataset, "  - {name: digits, images: 50}"))
    with pytest.raises(UserError, match=r"tiny\.yaml:2.*only `shapes`|images 50"):
        plan_trials(load_suite(suite_file))
