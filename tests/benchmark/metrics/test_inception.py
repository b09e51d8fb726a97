"""The inception extractor is clean-fid's, from a file on disk; a stand-in takes the network's place here."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from cleanfid import fid as clean_fid
from cleanfid.inception_torchscript import InceptionV3W
from PIL import Image
from running_bench import attempt

from benchmark.errors import UserError
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.weights import MissingWeights, hash_file
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.store.store import Store
from benchmark.trial.extractor_of import refuse_unusable_extractor

FILE = "inception-2015-12-05.pt"


class Layers(torch.nn.Module):
    """(B, 3, 299, 299) in [-1, 1] to (B, 2048), as `inception.layers` does."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(
            torch.randn(3 * 23 * 23, 2048, generator=torch.Generator().manual_seed(seed))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = torch.nn.functional.avg_pool2d(x, 13)
        return (pooled.flatten(1) @ self.weight).relu()


class StandIn(torch.nn.Module):
    """The signature of clean-fid's TorchScript file."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.layers = Layers(seed)

    def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        return self.layers((img - 128) / 128)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give every test an empty home and no way to download."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)

    def refuse(*args, **kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return tmp_path / "home"


def put_weights(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    torch.jit.script(StandIn(seed)).save(str(folder / FILE))
    return folder


def colour_images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 20, 24, 3), dtype=np.uint8)


def test_features_equal_clean_fids_own_on_the_same_files(tmp_path, monkeypatch):
    weights = put_weights(tmp_path / "weights")
    monkeypatch.setenv("BENCH_WEIGHTS", str(weights))
    images = colour_images(5)
    (tmp_path / "images").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
    model = InceptionV3W(str(weights), download=False)
    expected = clean_fid.get_folder_features(
        str(tmp_path / "images"), model, num_workers=0, device="cpu", mode="clean", verbose=False
    )
    features = load_extractor("inception", channels=3)(images)
    assert features.shape == (5, 2048)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-4)


def test_grey_images_are_repeated_to_three_channels(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_WEIGHTS", str(put_weights(tmp_path / "weights")))
    grey = colour_images(3)[..., :1]
    ours = load_extractor("inception", channels=1)(grey)
    np.testing.assert_array_equal(ours, load_extractor("inception", channels=3)(np.repeat(grey, 3, axis=3)))


def test_weights_are_looked_for_in_the_environments_place_first(tmp_path, home, monkeypatch):
    put_weights(home / ".cache" / "bench" / "weights", seed=1)
    fallback = load_extractor("inception", channels=3).fingerprint
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "nothing here"))
    assert load_extractor("inception", channels=3).fingerprint == fallback
    monkeypatch.setenv("BENCH_WEIGHTS", str(put_weights(tmp_path / "weights", seed=2)))
    assert load_extractor("inception", channels=3).fingerprint != fallback


def test_a_whole_trial_runs_on_the_stand_in_and_names_its_weights(tmp_path, monkeypatch, suite_text):
    monkeypatch.setenv("BENCH_WEIGHTS", str(put_weights(tmp_path / "weights")))
    path = tmp_path / "a.yaml"
    path.write_text(suite_text.replace("evaluation: {", "evaluation: {samples: 8, extractor: inception, "))
    trial = plan_trials(load_suite(path))[0]
    refuse_unusable_extractor(trial)
    store = Store(tmp_path / "runs")
    record = attempt(trial, store.root)
    assert record["status"] == "done", record
    assert record["extractor"] == "inception"
    assert record["extractor_fingerprint"] == hash_file(tmp_path / "weights" / FILE)
    assert record["fid"] > 0
    assert len(list(store.features.glob("inception-*.safetensors"))) == 2  # held-out and training images


def test_missing_weights_say_which_file_where_from_and_where_to(tmp_path, home, monkeypatch):
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    with pytest.raises(MissingWeights) as error:
        load_extractor("inception", channels=3)
    first, second = str(error.value).splitlines()
    assert isinstance(error.value, UserError)
    assert FILE in first
    assert str(home / ".cache" / "bench" / "weights") in first
    assert "https://nvlabs-fi-cdn.nvidia.com/" in second
    assert "bench doctor --download inception" in second
    assert second.endswith(str(tmp_path / "weights"))
