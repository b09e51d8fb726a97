"""Duplicates across the splits: exact ones, and those another encoder, resizer or brightness has changed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from running_bench import bench

from benchmark.data import DatasetSpec, load_dataset
from benchmark.data.duplicates import find_duplicates
from benchmark.data.shapes import draw_figures, paint


def scene(seed: int, side: int = 96) -> Image.Image:
    """Something with the spectrum of a photograph: blurred noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(side / 16))
    levels = np.asarray(blurred).astype(float)
    return Image.fromarray(np.clip((levels - 128) * 6 + 128, 0, 255).astype(np.uint8))


def as_array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((96, 96), Image.Resampling.LANCZOS))


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


POOL = np.stack([as_array(scene(i)) for i in range(200)])
CHANGED = {
    "exact": as_array(scene(17)),
    "jpeg": as_array(jpeg(scene(17))),
    "resized": as_array(scene(17).resize((64, 64), Image.Resampling.BOX)),
    "brighter": np.clip(as_array(scene(17)).astype(int) + 12, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_copy_is_found_and_nothing_else(change: str) -> None:
    heldout = np.stack([as_array(scene(1000 + i)) for i in range(50)] + [CHANGED[change]])
    found = find_duplicates(POOL, heldout)
    assert (found.exact if change == "exact" else found.near) == [(17, 50)]
    assert (found.near if change == "exact" else found.exact) == []


def test_copies_inside_the_pool_are_counted() -> None:
    assert find_duplicates(np.concatenate([POOL[:10], POOL[:3]]), POOL[20:25]).within_pool == 3


def test_different_digits_and_shapes_are_not_called_copies() -> None:
    digits = load_dataset(DatasetSpec("digits", "digits", size=16, heldout=500))
    found = find_duplicates(digits.train, digits.heldout)
    assert found.exact == []
    assert len(found.near) <= 3  # of 648,500 pairs
    shapes = find_duplicates(paint(draw_figures(500, 0)), paint(draw_figures(200, 1)))
    assert shapes.exact == []
    assert len(shapes.near) <= 200  # two figures of one kind, place and angle do occur


def test_bench_data_check_reports_them(tmp_path: Path) -> None:
    for split, seeds in (("train", range(12)), ("test", [50, 51, 3])):
        (tmp_path / "set" / split).mkdir(parents=True)
        for i, seed in enumerate(seeds):
            scene(seed).save(tmp_path / "set" / split / f"{i:02}.png")
    jpeg(scene(4)).save(tmp_path / "set" / "test" / "03.png")
    done = bench("data", "check", tmp_path / "set", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "16 of 16 files are usable images" in done.stdout
    assert "split: 12 under train/, 4 under test/" in done.stdout
    assert "1 exact copies, 1 near duplicates" in done.stdout
    assert "copy: pool 3, held-out 2" in done.stdout
    assert "near: pool 4, held-out 3" in done.stdout


@pytest.mark.parametrize("source", ["digits", "shapes"])
def test_bench_data_show_draws_a_sheet(tmp_path: Path, source: str) -> None:
    done = bench("data", "show", source, "--output", "sheet.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "held out: sheet.png" in done.stdout
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 500
        assert np.asarray(sheet).std() > 10


def test_a_run_says_how_many_heldout_images_it_trains_on(tmp_path: Path) -> None:
    for split, seeds in (("train", range(6)), ("test", [50, 3])):
        (tmp_path / split).mkdir()
        for i, seed in enumerate(seeds):
            scene(seed).save(tmp_path / split / f"{i:02}.png")
    notes = load_dataset(DatasetSpec("mine", f"folder:{tmp_path}")).notes
    assert "1 of 2 held-out images stand in the training pool, too (bench data check)" in notes
