"""One table of scores: what is derived from it, and that an entry and a recipe are all a new score costs."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.metrics.catalogue import CATALOGUE, OF_FEATURES
from benchmark.metrics.names import COUNTS, LEAST_HELDOUT, METRICS, NOT_OF_SAMPLES, OF_POOL, SETS_OF
from benchmark.metrics.recipes import recipe_of
from benchmark.report.reading.scores import SCORES, SETTINGS

ROOT = Path(__file__).parents[3]
NEW = """
        Metric(
            "spread_ratio",
            "standard deviation of generated over held-out features",
            "spread ratio",
            "higher",
            recipe="benchmark.metrics.spread:spread_ratio",
        ),
"""
RECIPE = """
from benchmark.metrics.feature_sets import FeatureSets
from benchmark.metrics.intervals import Scored


def spread_ratio(sets: FeatureSets) -> Scored:
    heldout, generated = sets.pair()
    return Scored(float(generated.std() / heldout.std()))
"""
ASKED = """
import numpy as np
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.score import ImageSets, score_samples
from benchmark.planning.suite_checks import METRICS
from benchmark.report.reading.scores import score, judged_keys

random = np.random.default_rng(0)
heldout, generated = (random.integers(0, 256, (20, 8, 8, 1)).astype(np.uint8) for _ in range(2))
cache = FeatureCache(load_extractor("pixels", channels=1), heldout)
scores = score_samples(cache, ImageSets(heldout, generated), seed=0, metrics=["spread_ratio"])
assert 0.5 < scores["spread_ratio"] < 2, scores
assert "spread_ratio" in METRICS
assert score("spread_ratio_pixels").title == "spread ratio, pixels"
assert judged_keys(["spread_ratio"]) == ["spread_ratio"]
"""


def test_a_new_score_is_an_entry_and_a_recipe(tmp_path: Path) -> None:
    for package in ("benchmark", "pcvq2", "strategies"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    catalogue = tmp_path / "benchmark" / "metrics" / "catalogue.py"
    text = catalogue.read_text()
    assert text.count("    [\n        Metric(") == 1
    catalogue.write_text(text.replace("    [\n", f"    [{NEW}", 1))
    (tmp_path / "benchmark" / "metrics" / "spread.py").write_text(RECIPE)
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [metric.name for metric in OF_FEATURES])
def test_every_score_of_features_has_a_recipe_a_title_and_a_line(name: str) -> None:
    assert list(inspect.signature(recipe_of(name)).parameters) == ["sets"]
    assert SCORES[name].title == CATALOGUE[name].title != ""
    assert SCORES[name].better == CATALOGUE[name].better
    assert SCORES[f"{name}_pixels"].title == f"{CATALOGUE[name].title}, pixels"


def test_what_is_derived_is_what_records_and_suites_have_always_meant() -> None:
    assert len(METRICS) == 19
    assert set(NOT_OF_SAMPLES) == {"rfid", "fid_floor", "kid_floor"}
    assert {"fid_pool", "fid_heldout_minus_pool", "fid_floor", "kid_floor"} == OF_POOL
    assert LEAST_HELDOUT == {"leakage": 4}
    assert set(METRICS) - set(SETS_OF) == {"leakage"}
    assert {key: set(names) for key, names in COUNTS.items()} == {
        "score_images": {"fid", "kid", "fid_inf", "precision", "recall", "density", "coverage"},
        "rfid_images": {"rfid"},
        "reference_images": {"fid_train", "fid_pool", "fid_heldout"},
        "floor_images": {"fid_floor", "kid_floor"},
        "kid_subset": {"kid"},
    }
    assert COUNTS.keys() <= SETTINGS
