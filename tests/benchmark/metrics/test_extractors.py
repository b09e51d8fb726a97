"""Extractors are functions of the images and of nothing else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from benchmark.errors import BenchError, UserError
from benchmark.metrics import pixels
from benchmark.metrics.extractor_base import batches
from benchmark.metrics.extractors import load_extractor


def some_images(
    count: int, height: int = 16, width: int = 16, channels: int = 1, seed: int = 0
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def test_names_are_known_and_misspelt_ones_get_a_suggestion():
    with pytest.raises(UserError) as error:
        load_extractor("randon", channels=1)
    assert str(error.value).splitlines() == [
        "extractor 'randon' is unknown",
        "Did you mean 'random'? Known: classifier, clip, dinov2, inception, pixels, random",
    ]
    with pytest.raises(UserError, match="2 channels"):
        load_extractor("random", channels=2)


def test_packages_and_names_are_importable_without_torch():
    modules = ("benchmark.metrics.names", "benchmark.metrics.extractors", "benchmark.metrics.weights")
    code = f"import sys, {', '.join(modules)}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["random", "pixels"])
def test_features_depend_on_the_images_alone(name):
    images = some_images(40)
    features = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        extractor = load_extractor(name, channels=1)
        extractor.fit(images)
        features.append(extractor(images))
        assert torch.equal(before[0], torch.get_rng_state())
        np.testing.assert_array_equal(before[1], np.random.get_state()[1])
    np.testing.assert_array_equal(*features)
    assert features[0].dtype == np.float32
    np.testing.assert_allclose(extractor(images[3:7]), features[0][3:7], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 21), (64, 64)])
def test_the_random_network_takes_any_size(channels, height, width):
    extractor = load_extractor("random", channels=channels)
    features = extractor(some_images(3, height, width, channels))
    assert features.shape == (3, 192)
    assert np.isfinite(features).all()
    assert features.std(axis=0).min() > 0


def test_the_random_network_has_orthogonal_weights_that_stay_the_same():
    extractor = load_extractor("random", channels=3)
    for weight in extractor.weights:
        matrix = weight.flatten(1)
        gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
        torch.testing.assert_close(gram, 4 * torch.eye(len(gram)), atol=1e-5, rtol=0)
    # Recorded from the first version: a change here changes every published score.
    features = load_extractor("random", channels=1)(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    np.testing.assert_allclose(features[0, [0, 64, 128]], [0.665636, 0.308538, 0.430122], rtol=1e-4)


def test_small_batches_change_nothing(monkeypatch):
    images = some_images(30, 12, 12, 3)
    extractor = load_extractor("random", channels=3)
    whole = extractor(images)
    monkeypatch.setattr(
        "benchmark.metrics.random_network.batches",
        lambda images, size: batches(images, size, budget_bytes=4 * size),
    )
    np.testing.assert_allclose(extractor(images), whole, rtol=1e-5, atol=1e-6)
    assert [len(batch) for batch in batches(images, 10, budget_bytes=70)] == [7, 7, 7, 7, 2]
    assert len(next(batches(images, 10**12))) == 1


@pytest.mark.parametrize("name", ["random", "pixels"])
def test_images_of_the_wrong_kind_are_refused(name):
    extractor = load_extractor(name, channels=1)
    extractor.fit(some_images(10))
    with pytest.raises(BenchError, match=r"expected uint8 images \(N, H, W, 1\)"):
        extractor(some_images(10, channels=3))
    with pytest.raises(BenchError, match="float64"):
        extractor(some_images(10) / 255)
    with pytest.raises(BenchError, match=r"pixels|size"):
        extractor(some_images(10, 7, 7))


@pytest.mark.parametrize("count", [50, 400])  # fewer and more images than pixels
def test_pixel_components_are_the_principal_components(count):
    reference, images = some_images(count, channels=1), some_images(30, seed=1)
    extractor = load_extractor("pixels", channels=1)
    extractor.fit(reference)
    oracle = PCA(32, svd_solver="full").fit(reference.reshape(count, -1) / 255)
    expected = oracle.transform(images.reshape(30, -1) / 255)
    np.testing.assert_allclose(abs(extractor(images)), abs(expected), atol=1e-4)


def test_pixel_components_do_not_depend_on_the_order_or_sign():
    reference, images = some_images(60), some_images(20, seed=1)
    extractor = load_extractor("pixels", channels=1)
    extractor.fit(reference)
    expected = extractor(images)
    extractor.fit(reference[::-1])
    np.testing.assert_allclose(extractor(images), expected, atol=1e-4)
    components = extractor.components
    assert (np.take_along_axis(components, abs(components).argmax(0)[None], 0) > 0).all()


def test_pixel_components_of_few_flat_or_many_images(monkeypatch):
    extractor = load_extractor("pixels", channels=1)
    with pytest.raises(BenchError, match="before fit"):
        extractor(some_images(2))
    with pytest.raises(BenchError, match="2 reference images"):
        extractor.fit(some_images(1))
    extractor.fit(some_images(5))
    assert extractor(some_images(3)).shape == (3, 4)
    extractor.fit(np.full((9, 8, 8, 1), 7, np.uint8))
    assert not extractor(np.full((3, 8, 8, 1), 7, np.uint8)).any()
    monkeypatch.setattr(pixels, "FIT_ON", 40)
    extractor.fit(some_images(50))
    some = extractor.components
    extractor.fit(some_images(50)[:40])
    np.testing.assert_array_equal(some, extractor.components)


def test_fingerprints_tell_definitions_apart():
    prints = [load_extractor(name, channels=c).fingerprint for name in ("random", "pixels") for c in (1, 3)]
    assert len(set(prints)) == 4
    assert all(len(value) == 16 and int(value, 16) >= 0 for value in prints)
    assert prints[0] == load_extractor("random", channels=1).fingerprint
