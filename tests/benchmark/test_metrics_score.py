"""Scores move the way planted faults say they should."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from sklearn.datasets import load_digits

from benchmark.errors import UserError
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.names import METRICS
from benchmark.metrics.score import score_samples, suffixed

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


@pytest.fixture(params=["random", "pixels"])
def score(request):
    """Score generated images beside fixed training and held-out digits."""
    extractor = load_extractor(request.param, channels=1)

    def scored(generated, **changes):
        sets = {"train": TRAIN, "heldout": HELDOUT, "reconstructions": HELDOUT} | changes
        return score_samples(extractor, generated=generated, seed=0, **sets)

    return scored


def blurred(images: np.ndarray, width: float) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(images.astype(float), (0, width, width, 0)).round().astype(np.uint8)


def noisy(images: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 255 * level, images.shape)
    return (images + noise).round().clip(0, 255).astype(np.uint8)


def test_every_named_score_comes_out(score):
    scores = score(FRESH)
    assert set(scores) == set(METRICS) - {"leakage"} | {"score_images", "rfid_images"}
    assert scores["score_images"] == len(FRESH)
    assert all(isinstance(scores[name], float) for name in set(METRICS) - {"leakage"})


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


def test_held_out_and_generated_images_are_compared_in_equal_numbers():
    extractor = load_extractor("random", channels=1)
    sets = {
        "train": TRAIN,
        "reconstructions": HELDOUT[:50],
        "seed": 0,
        "metrics": ["precision", "fid", "rfid"],
    }
    scores = score_samples(extractor, heldout=HELDOUT, generated=FRESH[:70], **sets)
    expected = score_samples(extractor, heldout=HELDOUT[:70], generated=FRESH[:70], **sets)
    assert scores == expected
    assert (scores["score_images"], scores["rfid_images"]) == (70, 50)
    assert list(scores) == ["score_images", "rfid_images", "precision", "fid", "rfid"]


def test_scores_without_a_value_are_null_with_a_reason():
    extractor = load_extractor("random", channels=1)
    scores = score_samples(
        extractor, train=HELDOUT, heldout=HELDOUT, generated=FRESH[:3], reconstructions=HELDOUT[:0], seed=0
    )
    assert scores["fid"] > 0
    assert scores["recall"] is None
    assert scores["recall_null_reason"] == "real has 3 images, at least 6 are needed"
    assert scores["rfid"] is None
    assert "0 images" in scores["rfid_null_reason"]
    assert "held-out" in scores["nearest_training_ratio_null_reason"]
    renamed = suffixed(scores, "_pixels")
    assert renamed["recall_pixels"] is None
    assert renamed["recall_pixels_null_reason"] == scores["recall_null_reason"]
    assert len(renamed) == len(scores)


def test_the_seed_draws_the_subsets_and_misspelt_metrics_get_a_suggestion():
    sets = {"train": TRAIN, "heldout": HELDOUT, "generated": FRESH, "reconstructions": HELDOUT}
    extractor = load_extractor("pixels", channels=1)
    assert score_samples(extractor, **sets, seed=0) == score_samples(extractor, **sets, seed=0)
    with pytest.raises(UserError, match="Did you mean 'recall'"):
        score_samples(extractor, **sets, seed=0, metrics=["fid", "recal"])
