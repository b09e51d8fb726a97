"""Features of real images are computed once, whoever asks, and a damaged file costs only time."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache, content_hash

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 12, 12, 1), dtype=np.uint8)


class Counting:
    """An extractor that writes down that it was asked."""

    name, fingerprint = "counting", "0" * 16

    def __init__(self, journal: Path) -> None:
        self.journal = journal

    def fit(self, reference: np.ndarray) -> None:
        pass

    def __call__(self, images: np.ndarray) -> np.ndarray:
        with self.journal.open("a") as file:
            file.write("asked\n")
        return images.reshape(len(images), -1).astype(np.float32)


def ask(folder: Path) -> np.ndarray:
    return FeatureCache(Counting(folder / "journal"), IMAGES, folder / "features").real(IMAGES)


def times_asked(folder: Path) -> int:
    return len((folder / "journal").read_text().splitlines())


def test_real_images_are_asked_about_once_and_generated_ones_leave_nothing(tmp_path):
    first, second = ask(tmp_path), ask(tmp_path)
    np.testing.assert_array_equal(first, second)
    assert times_asked(tmp_path) == 1
    cache = FeatureCache(Counting(tmp_path / "journal"), IMAGES, tmp_path / "features")
    cache.generated(IMAGES)
    assert times_asked(tmp_path) == 2
    assert len(list((tmp_path / "features").glob("*.safetensors"))) == 1


def test_trials_that_run_at_once_compute_once(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=ask, args=(tmp_path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert times_asked(tmp_path) == 1
    np.testing.assert_array_equal(ask(tmp_path), IMAGES.reshape(30, -1).astype(np.float32))
    assert times_asked(tmp_path) == 1


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:-4] + b"\1\2\3\4", lambda b: b""]
)
def test_a_damaged_file_is_computed_again(tmp_path, damage):
    expected = ask(tmp_path)
    (file,) = (tmp_path / "features").glob("*.safetensors")
    file.write_bytes(damage(file.read_bytes()))
    np.testing.assert_array_equal(ask(tmp_path), expected)
    assert times_asked(tmp_path) == 2
    np.testing.assert_array_equal(ask(tmp_path), expected)
    assert times_asked(tmp_path) == 2


def test_other_images_weights_or_references_find_nothing_old(tmp_path):
    journal, folder = tmp_path / "journal", tmp_path / "features"
    extractor = Counting(journal)
    FeatureCache(extractor, IMAGES, folder).real(IMAGES)
    FeatureCache(extractor, IMAGES, folder).real(IMAGES[:-1])
    FeatureCache(extractor, IMAGES[:-1], folder).real(IMAGES)
    extractor.fingerprint = "1" * 16
    FeatureCache(extractor, IMAGES, folder).real(IMAGES)
    assert times_asked(tmp_path) == 4
    assert content_hash(IMAGES) != content_hash(IMAGES.reshape(30, 6, 24, 1))


def test_cached_and_fresh_features_are_the_same(tmp_path):
    for name in ("random", "pixels"):
        plain = FeatureCache(load_extractor(name, channels=1), IMAGES).real(IMAGES)
        for _ in range(2):
            cached = FeatureCache(load_extractor(name, channels=1), IMAGES, tmp_path).real(IMAGES)
            np.testing.assert_array_equal(plain, cached)
