"""`shapes`: exact, deterministic, lopsided as its law says, and readable, so that leakage can be counted."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmark.data import DatasetSpec, load_dataset
from benchmark.data.shape_reading import impossible_shares, read_figures
from benchmark.data.shapes import LAWS, Figures, colour_of, draw_figures, hue_of, paint
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.recipe import run_trial


def errors(images: np.ndarray, figures: Figures) -> dict[str, np.ndarray]:
    reading = read_figures(images)
    found = {}
    for name in ("x", "y", "angle", "scale", "hue"):
        off = getattr(reading, name) - figures.values[name]
        found[name] = (off + 180) % 360 - 180 if name in ("angle", "hue") else off
    return found


def test_each_image_depends_on_seed_and_index_only() -> None:
    many = paint(draw_figures(40, seed=5))
    assert np.array_equal(paint(draw_figures(7, seed=5)), many[:7])
    assert np.array_equal(paint(draw_figures(3, seed=5, first=30)), many[30:33])
    assert not np.array_equal(paint(draw_figures(7, seed=6)), many[:7])
    assert np.array_equal(paint(draw_figures(40, seed=5), batch=11), many)


def test_properties_follow_their_law() -> None:
    figures = draw_figures(20_000, seed=0)
    for name, (low, mode, high) in LAWS.items():
        values = figures.values[name]
        assert low <= values.min()
        assert values.max() <= high
        assert abs(values.mean() - (low + mode + high) / 3) < 0.02 * (high - low)
        below = (mode - low) / (high - low)  # a triangular law has this much below its mode
        assert abs((values < mode).mean() - below) < 0.02
    assert np.bincount(figures.kind).min() > 6_000
    assert (figures.hand == 1).all()


def test_ten_thousand_images_take_seconds() -> None:
    start = time.process_time()
    images = paint(draw_figures(10_000, seed=1))
    assert images.shape == (10_000, 32, 32, 3)
    assert time.process_time() - start < 5  # 0.3 s on one idle core


def test_figures_lie_inside_and_their_edges_are_smooth() -> None:
    images = paint(draw_figures(500, seed=2)).astype(int)
    ring = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert (ring == ring[:, :1]).all()
    # half the resolution is close to the mean of 2x2 pixels: what anti-aliasing promises
    small = paint(draw_figures(500, seed=2), size=16).astype(int)
    pooled = images.reshape(500, 16, 2, 16, 2, 3).mean((2, 4))
    assert np.abs(small - pooled).mean() < 1.0


def test_what_is_read_is_what_was_drawn() -> None:
    figures = draw_figures(600, seed=3)
    images = paint(figures)
    reading = read_figures(images)
    assert (reading.kind == figures.kind).all()
    assert (reading.hand == 1).all()
    largest = {name: float(np.abs(off).max()) for name, off in errors(images, figures).items()}
    assert largest["x"] < 0.02
    assert largest["y"] < 0.02
    assert largest["angle"] < 0.1
    assert largest["scale"] < 0.02
    assert largest["hue"] < 1.0
    assert reading.residual.max() < 1.0
    assert reading.unexplained.max() < 0.01


def test_noise_of_twelve_levels_moves_the_reading_little() -> None:
    figures = draw_figures(400, seed=4)
    noise = np.random.default_rng(0).normal(0, 12, (400, 32, 32, 3))
    noisy = np.clip(paint(figures) + noise, 0, 255).astype(np.uint8)
    mean_square = {name: float(np.sqrt((off**2).mean())) for name, off in errors(noisy, figures).items()}
    assert mean_square["x"] < 0.1
    assert mean_square["angle"] < 0.6
    assert mean_square["hue"] < 2.0
    shares = impossible_shares(read_figures(noisy))
    assert shares.pop("figure") < 0.15  # type: ignore[operator]
    assert set(shares.values()) == {0.0}


def test_true_images_are_never_impossible() -> None:
    assert set(impossible_shares(read_figures(paint(draw_figures(1_000, seed=7)))).values()) == {0.0}


def test_flips_are_counted_exactly() -> None:
    images = paint(draw_figures(300, seed=8)).copy()
    flipped = np.random.default_rng(0).random(300) < 0.3
    images[flipped] = images[flipped, :, ::-1]
    reading = read_figures(images)
    assert np.array_equal(reading.hand < 0, flipped)
    assert impossible_shares(reading)["flip"] == pytest.approx(flipped.mean())


def test_rotation_leaks_as_much_as_the_law_predicts() -> None:
    figures = draw_figures(600, seed=9)
    turns = np.random.default_rng(1).uniform(-40, 40, 600)
    turned = np.stack(
        [
            np.asarray(
                Image.fromarray(image).rotate(
                    -float(turn), Image.Resampling.BICUBIC, fillcolor=tuple(image[0, 0].tolist())
                )
            )
            for image, turn in zip(paint(figures), turns, strict=True)
        ]
    )
    shares = impossible_shares(read_figures(turned))
    low, _, high = LAWS["angle"]
    true = figures.values["angle"] + turns
    expected = float(((true < low - 4) | (true > high + 4)).mean())
    assert 0.1 < expected < 0.5
    assert shares["angle"] == pytest.approx(expected, abs=0.02)
    assert shares["flip"] < 0.01


def test_hue_shifts_leak_as_much_as_the_law_predicts() -> None:
    figures = draw_figures(400, seed=10)
    turn = np.random.default_rng(2).uniform(-90, 90, 400).astype(np.float32)
    hues = (figures.values["hue"] + turn) % 360
    shifted = Figures(figures.kind, figures.hand, {**figures.values, "hue": hues})
    low, _, high = LAWS["hue"]
    expected = float(((hues > high + 8) & (hues < 360 + low - 8)).mean())
    assert 0.1 < expected < 0.6
    assert impossible_shares(read_figures(paint(shifted)))["hue"] == pytest.approx(expected, abs=0.01)


def test_hue_is_the_inverse_of_colour() -> None:
    hue = np.arange(0, 360, 7, dtype=np.float32)
    one = np.ones_like(hue)
    assert np.allclose(hue_of(colour_of(hue, 0.7 * one, 0.9 * one)), hue, atol=1e-2)


def test_as_a_dataset_it_has_any_number_of_images_and_an_exact_heldout() -> None:
    data = load_dataset(DatasetSpec("shapes", "shapes", images=700, heldout=90))
    assert data.train.shape == (700, 32, 32, 3)
    assert data.heldout.shape == (90, 32, 32, 3)
    assert data.train_labels is not None
    assert np.array_equal(read_figures(data.train[:50]).kind, data.train_labels[:50])
    assert not {image.tobytes() for image in data.train} & {image.tobytes() for image in data.heldout}
    longer = load_dataset(DatasetSpec("shapes", "shapes", images=900, heldout=90))
    assert np.array_equal(longer.train[:700], data.train)
    grey = load_dataset(DatasetSpec("shapes", "shapes", images=20, heldout=5, size=16, channels=1))
    assert grey.train.shape == (20, 16, 16, 1)


def test_noise_and_blobs_are_no_figures() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    assert impossible_shares(read_figures(noise))["figure"] == 1
    y, x = np.mgrid[:32, :32] - 15.5
    disc = np.where((x**2 + y**2 < 100)[..., None], 220, 30).astype(np.uint8)
    assert impossible_shares(read_figures(np.repeat(disc[None], 3, 0).repeat(3, -1)))["figure"] == 1
    flat = np.full((5, 32, 32, 3), 80, dtype=np.uint8)
    assert impossible_shares(read_figures(flat))["figure"] == 1


def test_figures_too_blurred_to_tell_their_hand_are_not_judged() -> None:
    def blurred(radius: float) -> dict[str, float | None]:
        images = [Image.fromarray(one) for one in paint(draw_figures(200, seed=11))]
        blur = ImageFilter.GaussianBlur(radius)
        return impossible_shares(read_figures(np.stack([np.asarray(one.filter(blur)) for one in images])))

    mild, strong = blurred(1.5), blurred(3)
    assert set(mild.values()) == {0.0}
    assert strong["figure"] == 1
    assert strong["flip"] is None


def test_a_record_on_shapes_says_what_the_truth_never_draws(tmp_path: Path, suite_text: str) -> None:
    dataset = "{name: digits, source: digits, size: 16, heldout: 40}"
    assert dataset in suite_text
    path = tmp_path / "a.yaml"
    path.write_text(suite_text.replace(dataset, "{name: shapes, images: 60, heldout: 12, size: 16}"))
    trial = plan_trials(load_suite(path))[0]
    record, _ = run_trial(trial, Store(tmp_path / "runs"), Attempt())
    shares = {
        f"impossible_{n}": record[f"impossible_{n}"] for n in ("figure", "flip", "x", "y", "angle", "hue")
    }
    for key, value in shares.items():
        assert 0 <= value <= 1 if value is not None else record[f"{key}_null_reason"]
    assert shares["impossible_figure"] > 0.5  # six steps teach no figure
