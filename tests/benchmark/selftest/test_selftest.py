"""The self-test passes for a sound extractor, and fails where a measure is broken."""

from __future__ import annotations

import csv
import dataclasses
import sys

import numpy as np
import pytest
from photographs import photographs
from rich.console import Console

from benchmark import cli
from benchmark.data import load_dataset
from benchmark.errors import UserError
from benchmark.metrics.extractors import load_extractor
from benchmark.selftest import run_selftest
from benchmark.selftest.cases import check_without_extractor, judge_extractor
from benchmark.selftest.codebooks import check_codebooks
from benchmark.selftest.planting import FAULTS, pixelated, plant
from pcvq2.vqvae2 import VQVAE2

pytestmark = pytest.mark.xdist_group("selftest")  # one set of planted images
CASES = {
    "identical",
    "disjoint halves",
    "blur rises",
    "noise rises",
    "pixelation rises",
    "modes dropped",
    "copycat",
    "copycat with 2 % noise",
    "augmented reals",
    "collapsed codebook",
}


@pytest.fixture(scope="module")
def planted():
    return plant("digits")


def test_the_default_extractor_passes_on_digits(planted):
    checks = judge_extractor(planted, load_extractor("random", channels=1))
    assert [c for c in checks if not c.passed] == []
    assert {c.case for c in checks} == CASES - {"collapsed codebook"}


def test_leakage_fires_and_a_collapsed_codebook_is_seen(planted, monkeypatch):
    monkeypatch.setattr("benchmark.metrics.probe._STEPS", 200)  # enough to see what was planted
    checks = check_without_extractor(planted)
    assert [c for c in checks if not c.passed] == []
    assert {c.expectation.partition(" ")[0] for c in checks} == {
        "leak_rotation",
        "leak_shift",
        "leak_x_flip",
        "perplexity",
        "error",
    }


def test_codebooks_of_images_on_another_scale_fail(planted, monkeypatch):
    sound = check_codebooks(planted)
    assert all(check.passed for check in sound)
    started = VQVAE2.losses
    monkeypatch.setattr(VQVAE2, "losses", lambda model, images: started(model, images * 2 - 1))
    spoilt = check_codebooks(planted)
    assert [check.passed for check in spoilt] == [False, False], spoilt


def test_the_sets_share_no_image_and_keep_their_modes(planted):
    assert planted.count == 500
    sets = [
        {image.tobytes() for image in images} for images in (planted.heldout, planted.train, planted.spare)
    ]
    assert not sets[0] & sets[1]
    assert not sets[1] & sets[2]
    np.testing.assert_array_equal(planted.fresh, planted.spare[:500])
    assert set(planted.modes) == set(range(10))


class Blind:
    """Sees nothing but the mean grey: no basis for any score."""

    name, fingerprint = "blind", "0" * 16

    def fit(self, reference):
        pass

    def __call__(self, images):
        grey = images.mean(axis=(1, 2, 3), dtype=np.float64)
        return np.stack([grey, grey**2], axis=1).astype(np.float32)


def test_an_extractor_that_sees_little_fails(planted):
    failed = {c.case for c in judge_extractor(planted, Blind()) if not c.passed}
    assert failed & {"blur rises", "pixelation rises"}
    assert failed & {"modes dropped", "augmented reals"}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_spoil_more_and_more_and_leave_their_input_alone(planted, case):
    spoil, levels = FAULTS[case]
    before = planted.fresh.copy()
    away = [np.square(spoil(planted.fresh, x).astype(float) - planted.fresh).mean() for x in levels]
    assert 0 < away[0] < away[1] < away[2]
    np.testing.assert_array_equal(planted.fresh, before)


def test_pixelation_keeps_means_and_an_edge_that_does_not_divide():
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 1), dtype=np.uint8)
    done = pixelated(images, 2)
    assert len(np.unique(done[0, :2, :2])) == 1
    assert abs(float(done[0, 0, 0, 0]) - images[0, :2, :2].mean()) <= 0.5
    np.testing.assert_array_equal(done[:, 8], images[:, 8])


def test_the_command_writes_the_table_and_exits_with_1_where_a_check_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmark.selftest.running.check_without_extractor", lambda planted: [])
    monkeypatch.setattr("benchmark.selftest.running.load_extractor", lambda name, channels: Blind())
    monkeypatch.setattr(sys, "argv", ["bench", "selftest", "--extractor", "x", "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "FAIL" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    page = (tmp_path / "README.md").read_text()
    assert {row["passed"] for row in rows} == {"True", "False"}
    assert page.count("**FAIL**") == sum(row["passed"] == "False" for row in rows)
    assert "| n |" in page


def test_unlabelled_sets_skip_the_classifier_and_small_ones_are_refused(tmp_path, monkeypatch, planted):
    real = load_dataset

    def without_labels(spec):
        return dataclasses.replace(real(spec), train_labels=None, heldout_labels=None)

    monkeypatch.setattr("benchmark.selftest.planting.load_dataset", without_labels)
    monkeypatch.setattr("benchmark.selftest.running.check_without_extractor", lambda planted: [])
    assert run_selftest(["digits"], ["classifier"], Console(quiet=True), tmp_path)
    assert "refused, the dataset has no labels" in (tmp_path / "README.md").read_text()
    with pytest.raises(UserError, match="no such folder or file"):
        plant(str(tmp_path / "nothing.zip"))


def test_distances_rise_on_photographs_too():
    cats = plant(str(photographs()))
    checks = judge_extractor(cats, load_extractor("random", channels=3))
    for check in checks:
        if check.case.endswith("rises") or check.case.startswith("identical"):
            assert check.passed, check
