"""Scores move the way planted faults say they should."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from sklearn.datasets import load_digits

from benchmark.errors import BenchError, UserError
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.names import METRICS
from benchmark.metrics.score import COUNTS, ImageSets, score_samples, suffixed

SPLIT = 450  # images of each of four parts


def digits() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return four disjoint parts of the digits, 16x16 uint8, and their labels."""
    source = load_digits()
    order = np.random.default_rng(0).permutation(len(source.images))[: 4 * (SPLIT - 1)]
    images = scipy.ndimage.zoom(source.images[order], (1, 2, 2), order=1) / 16
    grey = np.rint(images.clip(0, 1) * 255).astype(np.uint8)[..., None]
    return np.split(grey, 4), np.split(source.target[order], 4)


PARTS, LABELS = digits()
TRAIN, HELDOUT, FRESH, OTHER = PARTS
POOL = np.concatenate([TRAIN, OTHER])


@pytest.fixture(params=["random", "pixels"])
def score(request):
    """Score generated images beside fixed training and held-out digits."""
    cache = FeatureCache(load_extractor(request.param, channels=1), HELDOUT)

    def scored(generated, **changes):
        sets = {"train": TRAIN, "pool": POOL, "heldout": HELDOUT, "reconstructions": HELDOUT} | changes
        return score_samples(cache, ImageSets(generated=generated, **sets), seed=0)

    return scored


def score_with(name: str, sets: ImageSets, **options):
    return score_samples(FeatureCache(load_extractor(name, channels=1), sets.heldout), sets, **options)


def blurred(images: np.ndarray, width: float) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(images.astype(float), (0, width, width, 0)).round().astype(np.uint8)


def noisy(images: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 255 * level, images.shape)
    return (images + noise).round().clip(0, 255).astype(np.uint8)


def test_every_named_score_comes_out_with_its_numbers_of_images_and_an_interval_around_it(score):
    scores = score(FRESH)
    named = set(METRICS) - {"leakage"}
    ends = {f"{name}_{end}" for name in named for end in ("low", "high")}
    assert set(scores) - ends == named | set(COUNTS)
    assert {scores[key] for key in COUNTS} == {len(FRESH)}
    assert all(isinstance(scores[name], float) for name in named)
    assert ends - set(scores) == {
        "copying_z_low",
        "copying_z_high",
    }  # a z-score is in standard errors already
    for name in named - {"copying_z"}:
        assert scores[f"{name}_low"] <= scores[name] <= scores[f"{name}_high"], name


def test_identical_sets_are_at_distance_zero(score):
    scores = score(HELDOUT)
    assert scores["fid"] == pytest.approx(0, abs=1e-8)
    assert scores["rfid"] == pytest.approx(0, abs=1e-8)
    assert scores["kid"] < 0
    assert (scores["precision"], scores["recall"], scores["coverage"]) == (1, 1, 1)


@pytest.mark.parametrize("worsen", [blurred, noisy])
def test_distances_rise_with_blur_and_noise(score, worsen):
    levels = (0, 0.7, 1.0, 1.5) if worsen is blurred else (0, 0.15, 0.3, 0.5)
    rising = [score(worsen(FRESH, level), reconstructions=worsen(HELDOUT, level)) for level in levels]
    for name in ("fid", "kid", "rfid"):
        values = [scores[name] for scores in rising]
        assert values == sorted(values)
        assert len(set(values)) == len(values)


def test_dropped_modes_cost_recall_and_coverage_but_not_precision(score):
    real, all_labels = np.concatenate([FRESH, OTHER]), np.concatenate([LABELS[2], LABELS[3]])
    whole, dropped = score(real[: len(HELDOUT)]), score(real[all_labels > 4][: len(HELDOUT) - 60])
    assert dropped["recall"] < whole["recall"] - 0.2
    assert dropped["coverage"] < whole["coverage"] - 0.2
    assert dropped["precision"] > whole["precision"] - 0.1
    assert dropped["fid"] > 2 * whole["fid"]


def test_copies_are_told_from_fresh_real_images(score):
    fresh, copies = score(FRESH), score(noisy(TRAIN, 0.01))
    assert fresh["nearest_training_ratio"] == pytest.approx(1, abs=0.1)
    assert copies["nearest_training_ratio"] < 0.5
    assert copies["fid"] < 2 * fresh["fid"]  # which is why the ratio stands beside it
    few = score(TRAIN[np.arange(len(HELDOUT)) % 40])
    assert few["recall"] < 0.3 * fresh["recall"]


def test_a_copycat_has_the_lowest_fid_to_its_training_subset(score):
    copies = score(noisy(TRAIN, 0.01))
    fresh = score(FRESH)
    assert copies["fid_train"] < copies["fid_pool"] < copies["fid_heldout"]
    assert copies["fid_heldout_minus_train"] > 0.5 * copies["fid_heldout"]
    difference = copies["fid_heldout"] - copies["fid_train"]
    assert copies["fid_heldout_minus_train"] == pytest.approx(difference, rel=1e-9)
    assert abs(fresh["fid_heldout_minus_train"]) < 0.3 * copies["fid_heldout_minus_train"]
    assert copies["copying_z"] < -5
    assert fresh["copying_z"] > -3
    assert copies["authenticity_high"] < 0.1 < fresh["authenticity_low"]


def test_fresh_real_images_score_like_the_floor(score):
    scores = score(FRESH)
    assert scores["fid_floor_low"] * 0.8 < scores["fid"] < scores["fid_floor_high"] * 1.2
    assert abs(scores["kid"] - scores["kid_floor"]) < 4 * (scores["kid_floor_high"] - scores["kid_floor_low"])
    assert scores["fid_floor"] > 0
    assert scores["fid_inf"] < 0.3 * scores["fid"]  # the floor is bias: extrapolated, little of it stays


def test_held_out_and_generated_images_are_compared_in_equal_numbers():
    options = {"seed": 0, "metrics": ["precision", "fid", "rfid"]}
    sets = ImageSets(heldout=HELDOUT, generated=FRESH[:70], reconstructions=HELDOUT[:50])
    scores = score_with("random", sets, **options)
    fewer = ImageSets(heldout=HELDOUT[:70], generated=FRESH[:70], reconstructions=HELDOUT[:50])
    assert scores == score_with("random", fewer, **options)
    assert (scores["score_images"], scores["rfid_images"]) == (70, 50)
    assert [name for name in scores if name in METRICS] == ["precision", "fid", "rfid"]


def test_the_three_references_of_fid_have_as_many_images_as_the_smallest():
    names = ["fid_train", "fid_pool", "fid_heldout"]
    sets = ImageSets(heldout=HELDOUT, generated=FRESH, train=TRAIN[:60], pool=POOL)
    scores = score_with("random", sets, seed=0, metrics=names)
    assert scores["reference_images"] == 60
    few = ImageSets(heldout=HELDOUT[:60], generated=FRESH[:60])
    assert scores["fid_heldout"] == pytest.approx(score_with("random", few, seed=0, metrics=["fid"])["fid"])


def test_a_floor_from_few_real_images_says_how_many_it_took():
    sets = ImageSets(heldout=HELDOUT[:100], generated=FRESH[:100], pool=POOL[:40])
    scores = score_with("random", sets, seed=0, metrics=["fid", "fid_floor"])
    assert (scores["score_images"], scores["floor_images"]) == (100, 70)
    assert scores["fid_floor"] > 0
    alone = ImageSets(heldout=HELDOUT[:3], generated=FRESH[:100])
    scores = score_with("random", alone, seed=0, metrics=["kid_floor"])
    assert scores["kid_floor"] is None
    assert scores["kid_floor_null_reason"] == "real images for two sets of 1, at least 2 are needed"


def test_kid_shrinks_its_subset_and_says_so(monkeypatch):
    sets = ImageSets(heldout=HELDOUT, generated=FRESH)
    assert score_with("random", sets, seed=0, metrics=["kid"])["kid_subset"] == len(FRESH)
    for module in ("feature_sets", "recipes"):
        monkeypatch.setattr(f"benchmark.metrics.{module}.KID_SUBSET", 100)
    scores = score_with("random", sets, seed=0, metrics=["kid"])
    assert scores["kid_subset"] == 100
    assert scores["kid_low"] < scores["kid"] < scores["kid_high"]


def test_scores_without_a_value_are_null_with_a_reason():
    sets = ImageSets(train=HELDOUT, heldout=HELDOUT, generated=FRESH[:3], pool=POOL)
    scores = score_with("random", sets, seed=0)
    assert scores["fid"] > 0
    assert scores["recall"] is None
    assert scores["recall_null_reason"] == "3 images of each side are compared, at least 6 are needed"
    assert scores["rfid"] is None
    assert "0 images" in scores["rfid_null_reason"]
    assert "held-out" in scores["nearest_training_ratio_null_reason"]
    assert scores["fid_inf_null_reason"].startswith("3 images, at least 384 are needed for 192 features")
    assert scores["copying_z_null_reason"].endswith("more than 20 of 3 generated images")
    renamed = suffixed(scores, "_pixels")
    assert renamed["recall_pixels"] is None
    assert renamed["recall_pixels_null_reason"] == scores["recall_null_reason"]
    assert renamed["fid_pixels_low"] == scores["fid_low"]
    assert len(renamed) == len(scores)


def test_real_images_that_are_all_the_same_leave_no_silent_number(score):
    flat = np.full_like(HELDOUT, 7)
    cache = FeatureCache(load_extractor("random", channels=1), flat)
    scores = score_samples(cache, ImageSets(heldout=flat, generated=FRESH, train=flat, pool=flat), seed=0)
    numbers = {name: scores[name] for name in METRICS if name in scores and scores[name] is not None}
    assert set(numbers) <= {"fid_floor", "kid_floor", "copying_z", "authenticity"}
    assert "all look the same" in scores["precision_null_reason"]
    collapsed = score(np.repeat(FRESH[:1], len(HELDOUT), axis=0))  # this one is an outcome, and has numbers
    assert collapsed["recall"] == 0
    assert collapsed["fid"] > score(FRESH)["fid"]


class Broken:
    """An extractor that a test breaks."""

    name, fingerprint = "broken", "0" * 16

    def __init__(self, change):
        self.change = change

    def fit(self, reference):
        pass

    def __call__(self, images):
        return self.change(images.reshape(len(images), -1)[:, :40].astype(np.float32))


def test_features_that_are_not_finite_are_a_reason_not_a_number():
    def poisoned(features):
        features[0, 0] = np.nan
        return features

    sets = ImageSets(heldout=HELDOUT, generated=FRESH, train=TRAIN, pool=POOL, reconstructions=HELDOUT)
    scores = score_samples(FeatureCache(Broken(poisoned), HELDOUT), sets, seed=0)
    for name in set(METRICS) - {"leakage"}:
        assert scores[name] is None, name
        assert "not finite in 1 of" in scores[f"{name}_null_reason"], name


@pytest.mark.parametrize("change", [lambda x: x[:-1], lambda x: x[:, :, None], lambda x: x.ravel()])
def test_an_extractor_that_returns_another_shape_is_refused(change):
    sets = ImageSets(heldout=HELDOUT, generated=FRESH)
    with pytest.raises(BenchError, match=r"'broken' returned shape .* expected \(449, features\)"):
        score_samples(FeatureCache(Broken(change), HELDOUT), sets, seed=0)


def test_images_of_another_channel_count_are_refused():
    colour = np.repeat(FRESH, 3, axis=3)
    with pytest.raises(BenchError, match=r"expected uint8 images \(N, H, W, 1\)"):
        score_with("random", ImageSets(heldout=HELDOUT, generated=colour), seed=0)


def test_the_seed_draws_the_subsets_and_misspelt_metrics_get_a_suggestion():
    sets = ImageSets(train=TRAIN, heldout=HELDOUT, generated=FRESH, reconstructions=HELDOUT, pool=POOL)
    assert score_with("pixels", sets, seed=0) == score_with("pixels", sets, seed=0)
    with pytest.raises(UserError, match="Did you mean 'recall'"):
        score_with("pixels", sets, seed=0, metrics=["fid", "recal"])
