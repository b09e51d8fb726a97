"""Extractors beyond the built-in ones: taught on labels, the user's own, and timm's with a file."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from running_bench import attempt

from benchmark.commands.run import engine_of
from benchmark.data import DatasetSpec, load_dataset
from benchmark.errors import UserError
from benchmark.metrics import classifier, vision_transformer
from benchmark.metrics.classifier import Classifier, Labelled
from benchmark.metrics.extractors import load_extractor
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from benchmark.trial.extractor_of import extractor_of, refuse_unusable_extractor

SPEC = DatasetSpec("digits", "digits", heldout=500)
OWN = """\
class Means:
    def __init__(self, device="cpu"):
        self.device = device

    def __call__(self, images):
        return images.mean(axis=(1, 3))
"""


def labelled(folder: Path | None = None) -> Labelled:
    data = load_dataset(SPEC)
    return Labelled(data.train, data.train_labels, data.heldout, data.heldout_labels, folder)


def test_the_classifier_learns_is_kept_and_is_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "STEPS", 150)
    first = Classifier(labelled(tmp_path))
    assert first.accuracy > 0.9
    (file,) = tmp_path.glob("*.safetensors")
    images = load_dataset(SPEC).heldout[:20]
    assert first(images).shape == (20, 64)
    monkeypatch.setattr(classifier, "_train", None)  # must not be needed again
    again = Classifier(labelled(tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(classifier, "STEPS", 150)
    file.write_bytes(file.read_bytes()[:-9])
    torch.manual_seed(7)
    retrained = Classifier(labelled(tmp_path))
    for other in (again, retrained):
        assert other.fingerprint == first.fingerprint
        np.testing.assert_array_equal(other(images), first(images))


def test_the_classifier_is_refused_without_labels_before_any_training(tmp_path, suite_text, monkeypatch):
    bare = dataclasses.replace(load_dataset(SPEC), train_labels=None, heldout_labels=None)
    monkeypatch.setattr("benchmark.trial.extractor_of.load_dataset", lambda spec: bare)
    path = tmp_path / "a.yaml"
    path.write_text(suite_text.replace("evaluation: {", "evaluation: {extractor: classifier, "))
    with pytest.raises(UserError) as error:
        run_suite(path, Store(tmp_path / "runs"), None, Options(RunSettings(), engine_of(local=True)))
    first, second = str(error.value).splitlines()
    assert "a.yaml:" in first
    assert "extractor 'classifier' needs labels, which dataset 'digits' does not have" in first
    assert "digits" in second
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match="needs labels"):
        load_extractor("classifier", channels=1)


def test_a_record_of_the_classifier_holds_its_accuracy(tmp_path, suite_text, monkeypatch):
    monkeypatch.setattr(classifier, "STEPS", 20)
    path = tmp_path / "a.yaml"
    path.write_text(suite_text.replace("evaluation: {", "evaluation: {extractor: classifier, "))
    trial = plan_trials(load_suite(path))[0]
    refuse_unusable_extractor(trial)
    store = Store(tmp_path / "runs")
    record = attempt(trial, store.root)
    assert record["status"] == "done", record
    assert record["extractor"] == "classifier"
    assert 0 < record["extractor_accuracy"] <= 1
    assert (
        extractor_of(trial, load_dataset(trial.dataset), store.extractors, "cpu").fingerprint
        == (record["extractor_fingerprint"])
    )


def write_own(folder: Path, text: str, own: str = OWN) -> Path:
    (folder / "mine.py").write_text(own)
    path = folder / "a.yaml"
    path.write_text(text.replace("evaluation: {", 'evaluation: {extractor: "./mine.py:Means", '))
    return path


def test_an_own_extractor_is_found_beside_the_suite_and_hashed_into_the_trial(
    tmp_path, suite_text, monkeypatch
):
    path = write_own(tmp_path, suite_text)
    monkeypatch.chdir("/")
    trial = plan_trials(load_suite(path))[0]
    refuse_unusable_extractor(trial)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert plan_trials(load_suite(write_own(elsewhere, suite_text)))[0].id == trial.id
    changed = plan_trials(load_suite(write_own(elsewhere, suite_text, OWN + "# changed\n")))[0]
    assert changed.id != trial.id
    record = attempt(trial, tmp_path / "runs")
    assert record["status"] == "done", record
    assert record["extractor"] == "Means"
    assert record["fid"] > 0


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (OWN.replace("Means", "Other"), "has no class 'Means'"),
        (OWN.replace("(axis=(1, 3))", "()"), "returned shape () for 4 images"),
        (OWN.replace("images.mean", "images.mistake"), "AttributeError"),
        (OWN.replace("images.mean(axis=(1, 3))", "images.mean(axis=(1, 3)) / 0"), "not finite"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
    ],
)
def test_an_own_extractor_that_fails_stops_in_two_lines_before_training(tmp_path, suite_text, own, said):
    path = write_own(tmp_path, suite_text, own)
    with pytest.raises(UserError) as error:
        run_suite(path, Store(tmp_path / "runs"), None, Options(RunSettings(), engine_of(local=True)))
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 2
    assert str(error.value).startswith(f"{path}:")
    assert not (tmp_path / "runs").exists()


def test_an_own_extractor_that_is_not_there_is_named_with_its_place(tmp_path, suite_text):
    path = write_own(tmp_path, suite_text)
    (tmp_path / "mine.py").unlink()
    with pytest.raises(UserError, match=r"mine\.py does not exist"):
        plan_trials(load_suite(path))


@pytest.fixture
def weights_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["inception", "clip", "dinov2"])
def test_missing_weights_stop_a_suite_in_two_lines(weights_folder, suite_text, name):
    path = weights_folder / "a.yaml"
    path.write_text(suite_text.replace("evaluation: {", f"evaluation: {{extractor: {name}, "))
    with pytest.raises(UserError) as error:
        run_suite(path, Store(weights_folder / "runs"), None, Options(RunSettings(), engine_of(local=True)))
    first, second = str(error.value).splitlines()
    assert f"extractor '{name}' needs" in first
    assert str(weights_folder) in first
    assert f"bench doctor --download {name}" in second
    assert "https://" in second
    assert not (weights_folder / "runs").exists()


def small(monkeypatch, name: str) -> torch.nn.Module:
    """Shrink an architecture of timm's, and return it with random weights."""
    timm = pytest.importorskip("timm")
    known = vision_transformer.ARCHITECTURES[name]
    options = {**known.options, "embed_dim": 48, "depth": 2, "num_heads": 2}
    monkeypatch.setitem(vision_transformer.ARCHITECTURES, name, dataclasses.replace(known, options=options))
    torch.manual_seed(0)
    return timm.create_model(known.timm_name, **options).eval()


def openai_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename timm's tensors to those of OpenAI's archive, by the published layout of CLIP."""
    names = {
        "cls_token": "class_embedding",
        "pos_embed": "positional_embedding",
        "patch_embed.proj.weight": "conv1.weight",
        "norm_pre.weight": "ln_pre.weight",
        "norm_pre.bias": "ln_pre.bias",
        "norm.weight": "ln_post.weight",
        "norm.bias": "ln_post.bias",
        "head.weight": "proj",
    }
    inside = {
        "norm1.": "ln_1.",
        "norm2.": "ln_2.",
        "attn.qkv.": "attn.in_proj_",
        "attn.proj.": "attn.out_proj.",
        "mlp.fc1.": "mlp.c_fc.",
        "mlp.fc2.": "mlp.c_proj.",
    }
    found = {}
    for key, value in state.items():
        if key == "head.bias":
            continue
        name = names.get(key, key)
        if key.startswith("blocks."):
            name = "transformer.res" + key
            for ours, theirs in inside.items():
                name = name.replace(ours, theirs)
        if key in ("cls_token", "pos_embed"):
            value = value[0].squeeze(0)
        found[f"visual.{name}"] = value.T.contiguous() if key == "head.weight" else value
    return found


def expected_features(network, images, mean, deviation, rounded):
    from PIL import Image

    rows = []
    for image in images:
        if rounded:
            whole = np.asarray(
                Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC), np.float32
            )
        else:
            planes = [Image.fromarray(image[..., c].astype(np.float32), mode="F") for c in range(3)]
            resized = [np.asarray(p.resize((224, 224), Image.Resampling.BICUBIC)) for p in planes]
            whole = np.stack(resized, -1).clip(0, 255)
        rows.append(((whole / 255 - mean) / deviation).transpose(2, 0, 1))
    with torch.inference_mode():
        return network(torch.tensor(np.stack(rows), dtype=torch.float32)).numpy()


@pytest.mark.parametrize("name", ["clip", "dinov2"])
def test_timms_networks_give_the_files_features(weights_folder, monkeypatch, name):
    network = small(monkeypatch, name)
    if name == "clip":
        torch.nn.init.zeros_(network.head.bias)
    state = openai_names(network.state_dict()) if name == "clip" else network.state_dict()
    torch.save(state, weights_folder / {"clip": "ViT-B-32.pt", "dinov2": "dinov2_vitl14_pretrain.pth"}[name])
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    extractor = load_extractor(name, channels=3)
    known = vision_transformer.ARCHITECTURES[name]
    features = extractor(images)
    assert features.shape == (3, 512 if name == "clip" else 48)
    expected = expected_features(
        network, images, np.array(known.mean), np.array(known.deviation), rounded=name == "clip"
    )
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4)
    assert len(extractor.fingerprint) == 16
    grey = load_extractor(name, channels=1)(images[..., :1])
    np.testing.assert_array_equal(grey, extractor(np.repeat(images[..., :1], 3, axis=3)))


def test_a_damaged_file_and_a_missing_package_are_said_in_two_lines(weights_folder, monkeypatch):
    small(monkeypatch, "dinov2")
    torch.save({"some": torch.zeros(2)}, weights_folder / "dinov2_vitl14_pretrain.pth")
    with pytest.raises(UserError, match="does not hold the weights of 'dinov2'") as error:
        load_extractor("dinov2", channels=3)
    assert len(str(error.value).splitlines()) == 2
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match="needs timm, which is not installed"):
        load_extractor("dinov2", channels=3)
