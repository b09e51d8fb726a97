"""Labels nobody asked for stop nothing; those somebody asked for are refused in the plan, with their line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.cost.stand_ins import plan_for_cost
from benchmark.data import Dataset, DatasetSpec, load_dataset
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.trial.extractor_of import refuse_unusable_extractor

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
DATASET = "{name: digits, source: digits, size: 16, heldout: 40}"

ODD = {
    "several at once": np.zeros((40, 14), np.uint8),
    "one-hot": np.eye(4, dtype=np.int64)[np.arange(40) % 4],
    "text": np.array(["cat", "dog"] * 20),
    "fractions": np.linspace(0, 1, 40),
    "negative": np.full(40, -1),
    "too few": np.arange(3),
    "identities": np.arange(40) + 2**40,
    "a single number": np.array(3),
}


def load(**settings: object) -> Dataset:
    return load_dataset.__wrapped__(DatasetSpec("mine", **settings))  # type: ignore[arg-type]


def planned(folder: Path, suite_text: str, entry: str, **changes: str) -> Path:
    text = suite_text.replace(DATASET, entry)
    assert entry in text
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "a.yaml").write_text(text)
    return folder / "a.yaml"


@pytest.mark.parametrize("odd", ODD)
def test_odd_labels_of_arrays_are_passed_over_unless_they_are_asked_for(
    tmp_path: Path, suite_text: str, odd: str
) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=ODD[odd])
    source = f"npz:{tmp_path / 'a.npz'}"
    data = load(source=source)
    assert (len(data.train), data.train_labels) == (32, None)
    assert any(note.startswith("passed over: labels, 'labels' is ") for note in data.notes)
    with pytest.raises(UserError, match=r"labels of .* cannot be used, 'labels' is"):
        load(source=source, classes=("1",))
    path = planned(tmp_path, suite_text, f"{{name: m, source: '{source}'}}")
    path.write_text(path.read_text().replace("{metrics: [fid,", "{extractor: classifier, metrics: [fid,"))
    with pytest.raises(UserError, match=r"needs labels, which dataset 'm' does not have: 'labels' is"):
        refuse_unusable_extractor(plan_trials(load_suite(path))[0])


@pytest.mark.parametrize("lacking", ["train", "test"])
def test_classes_need_labels_of_both_splits(tmp_path: Path, suite_text: str, lacking: str) -> None:
    """With labels of one split alone the other kept every class, without a word."""
    arrays = {
        "train": IMAGES[:30],
        "test": IMAGES[30:],
        "y_train": np.arange(30) % 2,
        "y_test": np.arange(10) % 2,
    }
    del arrays[f"y_{lacking}"]
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    source = f"npz:{tmp_path / 'a.npz'}"
    with pytest.raises(UserError, match="has no labels for its"):
        load(source=source, classes=("1",))
    path = planned(tmp_path, suite_text, f"{{name: m, source: '{source}'}}")
    path.write_text(path.read_text().replace("{metrics: [fid,", "{extractor: classifier, metrics: [fid,"))
    with pytest.raises(UserError, match="needs labels"):
        refuse_unusable_extractor(plan_trials(load_suite(path))[0])


@pytest.mark.parametrize("gap", [None, -1])
def test_hugging_faces_missing_labels_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, gap: int | None
) -> None:
    datasets = pytest.importorskip("datasets", reason="SKIPPED LOUDLY: the extra hf is not installed")
    kinds = datasets.Features({"image": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b"])})

    def rows(count: int, labels: list[int | None]) -> object:
        from PIL import Image

        cells = {"image": [Image.fromarray(x) for x in IMAGES[:count]], "kind": labels}
        return datasets.Dataset.from_dict(cells, features=kinds)

    made = datasets.DatasetDict({"train": rows(20, [0, 1] * 10), "test": rows(8, [0, gap] * 4)})
    monkeypatch.setattr(datasets, "load_dataset", lambda name: made)
    data = load(source="hf:some/set")
    assert (len(data.train), len(data.heldout), data.heldout_labels) == (20, 8, None)
    assert data.train_labels is not None
    assert data.train_labels.tolist() == [0, 1] * 10
    assert "passed over: labels, 'kind' lacks 4 of 8 in test" in data.notes
    with pytest.raises(UserError, match="'kind' lacks 4 of 8 in test"):
        load(source="hf:some/set", classes=("a",))


def test_classes_that_leave_a_split_empty_are_refused_in_the_plan(tmp_path: Path, suite_text: str) -> None:
    labels = np.arange(30) % 3
    np.savez(
        tmp_path / "a.npz", train=IMAGES[:30], test=IMAGES[30:], y_train=labels, y_test=np.zeros(10, np.int64)
    )
    entry = "{name: m, source: 'npz:a.npz', classes: ['1', '2']}"
    path = planned(tmp_path, suite_text, entry)
    with pytest.raises(UserError) as caught:
        plan_trials(load_suite(path))
    first, _ = str(caught.value).splitlines()
    assert (
        "a.yaml:2: dataset 'm': classes 1, 2 leave 20 of 30 images to train on and 0 of 10 held out" in first
    )


@pytest.mark.parametrize("held", [1, 2, 3])
def test_too_few_held_out_images_for_a_metric_are_refused_in_the_plan(
    tmp_path: Path, suite_text: str, held: int
) -> None:
    np.savez(tmp_path / "a.npz", train=IMAGES[:30], test=IMAGES[30 : 30 + held])
    path = planned(tmp_path, suite_text, "{name: m, source: 'npz:a.npz'}")
    if held == 1:
        with pytest.raises(UserError, match=r"a\.yaml:2: 'm': 1 images are held out, any score needs 2"):
            plan_trials(load_suite(path))
    else:
        assert plan_trials(load_suite(path))  # without leakage
    path.write_text(path.read_text().replace("metrics: [fid,", "metrics: [leakage, fid,"))
    for plan in (plan_trials, plan_for_cost):
        with pytest.raises(UserError, match=r"a\.yaml:2: 'm': \d images are held out, (leakage|any score)"):
            plan(load_suite(path))


def test_ten_images_or_two_held_out_are_refused_where_leakage_is_asked_for(
    tmp_path: Path, suite_text: str
) -> None:
    np.savez(tmp_path / "a.npz", IMAGES[:10])
    for entry in ("{name: m, source: 'npz:a.npz'}", "{name: m, source: digits, heldout: 2}"):
        path = planned(tmp_path, suite_text, entry)
        text = path.read_text().replace("budgets: [20]", "budgets: [6]")
        path.write_text(text.replace("metrics: [fid,", "metrics: [leakage, fid,"))
        with pytest.raises(UserError, match=r"a\.yaml:2: 'm': 2 images are held out, leakage needs 4"):
            plan_trials(load_suite(path))
        path.write_text(text)
        assert plan_trials(load_suite(path))


def test_a_path_that_is_none_is_refused_with_its_line(tmp_path: Path, suite_text: str) -> None:
    for place in ("~no-such-user/x", "x" * 300, "\\0"):
        path = planned(tmp_path, suite_text, f'{{name: m, source: "folder:{place}"}}')
        with pytest.raises(UserError, match=r"a\.yaml:2: "):
            plan_trials(load_suite(path))
