"""Leakage: planted augmentation is found, clean images are clean, and the judge is shared safely."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.data import DatasetSpec, load_dataset
from benchmark.metrics import leakage, probe
from benchmark.metrics.leakage import Judge, build_judge, leakage_scores
from benchmark.metrics.names import judge_version
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from strategies import AugmentationSpace

FROZEN_KEY = "edae806db1e16f597c174c4d"  # of commit 5e17c40
pytestmark = pytest.mark.xdist_group("leakage")  # one judge for all
SPACE = AugmentationSpace({"rotation": 30.0, "shift": 0.15, "scale": 0.2, "x_flip": 0.5}, padding="zeros")


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Return held-out images and others that no probe sees. uint8 (500, 1, 16, 16) each"""
    data = load_dataset(DatasetSpec(name="digits", source="digits", size=16, heldout=500))
    sets = (data.heldout, data.train[:500])
    return tuple(torch.from_numpy(np.ascontiguousarray(s.transpose(0, 3, 1, 2))) for s in sets)  # type: ignore[return-value]


@cache
def judge() -> Judge:
    return build_judge(digits()[0], SPACE, seed=0)


def augmented(images: Tensor, names: Sequence[str], seed: int = 99) -> Tensor:
    views = SPACE.draw(images.float() / 255, dict.fromkeys(names, 1.0), seed=seed)
    return (views * 255).round().to(torch.uint8)


def leak(images: Tensor) -> dict[str, tuple[float, float, float]]:
    """Return value and interval per operation."""
    scores = leakage_scores(judge(), images, seed=1)
    return {n: tuple(scores[f"leak_{n}{end}"] for end in ("", "_low", "_high")) for n in SPACE.ranges}  # type: ignore[misc]


def test_clean_reals_score_nothing_and_fully_augmented_reals_score_one() -> None:
    """Neither set was seen by a probe, and the augmented one has other draws than the judge's own."""
    for name, (value, low, high) in leak(digits()[1]).items():
        assert abs(value) < 0.1, name
        assert low < 0.05
        assert high > -0.05
    for name, (value, low, high) in leak(augmented(digits()[1], list(SPACE.ranges))).items():
        assert abs(value - 1) < 0.15, name
        assert low < value < high


def test_a_mixture_scores_its_share() -> None:
    clean = digits()[1]
    mixed = torch.cat([augmented(clean, list(SPACE.ranges))[:250], clean[250:]])
    for name, (value, *_) in leak(mixed).items():
        assert value == pytest.approx(0.5, abs=0.15), name


def test_flips_alone_are_flips_and_little_else() -> None:
    clean = digits()[1]
    flipped = leak(torch.cat([clean[:250].flip(3), clean[250:]]))
    assert flipped["x_flip"][0] == pytest.approx(1, abs=0.2)
    assert all(flipped[name][0] < 0.25 for name in ("rotation", "shift", "scale"))


def test_crosstalk_says_what_each_probe_makes_of_the_other_operations() -> None:
    scores = leakage_scores(judge(), digits()[1], seed=1)
    assert scores["leak_operations"] == list(SPACE.ranges)
    table = np.array(scores["leak_crosstalk"], dtype=float)
    assert table.shape == (4, 4)
    assert (table.argmax(1) == np.arange(4)).all()  # whatever is done, its own probe says so loudest


def test_scores_do_not_depend_on_the_order_of_samples_nor_touch_the_global_generator() -> None:
    images = digits()[1][:100]
    state = torch.get_rng_state()
    one, other = (leakage_scores(judge(), i, seed=1) for i in (images, images.flip(0)))
    assert torch.equal(state, torch.get_rng_state())
    for name in SPACE.ranges:
        assert one[f"leak_{name}"] == pytest.approx(other[f"leak_{name}"], abs=1e-6)


def test_what_cannot_be_told_apart_has_no_value_but_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_STEPS", 100)  # of which a probe of digits learns their flips
    space = AugmentationSpace({"x_flip": 0.5})
    clean = digits()[0][:200]
    assert leakage_scores(build_judge(clean, space, seed=0), clean, seed=0)["leak_x_flip"] is not None
    noise = torch.randint(0, 256, (200, 1, 16, 16), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    scores = leakage_scores(build_judge(noise, space, seed=0), noise, seed=0)
    assert scores["leak_x_flip"] is None
    assert "alike" in str(scores["leak_x_flip_null_reason"])
    with pytest.raises(ValueError, match="at least 4"):
        build_judge(noise[:3], SPACE, seed=0)


def test_a_judge_is_trained_once_per_folder_and_restored_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_STEPS", 20)
    trained = []
    real = leakage._train
    monkeypatch.setattr(leakage, "_train", lambda *a: trained.append(1) or real(*a))
    found: list[dict[str, object]] = []
    images = digits()[0][:60]

    def judged() -> None:
        found.append(
            dict(leakage_scores(build_judge(images, SPACE, seed=0, folder=tmp_path), images, seed=2))
        )

    threads = [threading.Thread(target=judged) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trained) == 1
    assert found[0] == found[1] == found[2]
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:500])
    judged()
    assert len(trained) == 2
    assert found[3] == found[0]
    build_judge(images, AugmentationSpace({"x_flip": 0.5}), seed=0, folder=tmp_path)
    assert len(trained) == 3


def test_quarter_turns_and_axes_count_once() -> None:
    space = AugmentationSpace({"rot90": 0.75, "shift": 0.2, "x_flip": 0.5})
    assert space.parameters == ("x_flip", "rot90_90", "rot90_180", "rot90_270", "shift_x", "shift_y")
    told = torch.tensor([[1.0, 0, 1, 0, -0.5, 0.1], [0, 0, 0, 0, 0, 0]])
    assert torch.allclose(probe.amounts(space, told), torch.tensor([[1.0, 0.3, 1.0], [0, 0, 0]]))
    assert probe.events(space).tolist() == [True, False, True]


def test_a_judge_does_not_depend_on_memory_layout_nor_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_STEPS", 20)
    images = digits()[0].clone(memory_format=torch.contiguous_format)
    channels_last = images.clone(memory_format=torch.channels_last)
    assert channels_last.stride() != images.stride()
    one = build_judge(images, SPACE, seed=0)
    torch.set_num_threads(2)
    try:
        other = build_judge(channels_last, SPACE, seed=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one.clean, other.clean)
    assert torch.equal(one.full, other.full)
    assert leakage_scores(one, images, seed=1) == leakage_scores(other, channels_last, seed=1)


def test_a_judge_is_found_again_unless_an_operation_has_changed_its_meaning() -> None:
    """Probes that are there from before stay of use; those of a gain about black are none of contrast."""
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)

    def as_before(space: AugmentationSpace) -> str:
        about = [judge_version(8), 0, dict(space.ranges), space.padding, list(images.shape)]
        return hashlib.sha256(json.dumps(about).encode() + images.numpy().tobytes()).hexdigest()[:24]

    keys = [leakage._key(images, SPACE, 0)]
    assert keys == [as_before(SPACE)]
    for about in ("grey", "mean"):
        space = AugmentationSpace({"contrast": 0.2}, contrast_about=about)
        keys.append(leakage._key(images, space, 0))
        assert keys[-1] != as_before(space)
    assert len(set(keys)) == 3


def test_the_judge_of_small_images_is_the_one_there_always_was() -> None:
    """Its weights' shapes, its steps and its key: scores of old records at 16 and 32 px stay comparable."""
    for size in (16, 32):
        assert judge_version(size) == 2
        assert probe.steps_of(size) == 600
        first = probe.Probe(3, SPACE, size).features[0]
        assert (first.kernel_size, first.stride) == ((3, 3), (1, 1))
    assert leakage._key(digits()[0], SPACE, 0) == FROZEN_KEY


def test_the_judge_of_larger_images_is_another_and_named_in_the_trial(suite_file: Path) -> None:
    assert judge_version(64) == 3
    text = suite_file.read_text().replace("metrics: [", "metrics: [leakage, ")
    for size, said in ((16, None), (64, 3)):
        suite_file.write_text(text.replace("size: 16", f"size: {size}"))
        for trial in plan_trials(load_suite(suite_file)):
            assert trial.resolved()["evaluation"].get("leakage_judge") == said
    suite_file.write_text(text.replace("size: 16", "size: 64").replace("leakage, ", ""))
    assert "leakage_judge" not in plan_trials(load_suite(suite_file))[0].resolved()["evaluation"]


def test_the_judge_of_larger_images_sees_what_was_planted_and_can_be_restored(tmp_path: Path) -> None:
    # as many images as a data set holds out: of 120 alone, the judge of 32 px, too, reads 1.1 to 1.3 for 1
    data = load_dataset(DatasetSpec("shapes", "shapes", size=40, heldout=500, images=500))
    heldout, fresh = (
        torch.from_numpy(np.ascontiguousarray(s.transpose(0, 3, 1, 2))) for s in (data.heldout, data.train)
    )
    space = AugmentationSpace({"brightness": 0.3, "x_flip": 0.5})
    first = build_judge(heldout, space, seed=0, folder=tmp_path)
    again = build_judge(heldout, space, seed=0, folder=tmp_path)
    views = space.draw(fresh.float() / 255, {"brightness": 1.0, "x_flip": 1.0}, seed=5)  # what 1 stands for
    brighter = (views * 255).round().to(torch.uint8)
    one, other = (leakage_scores(judge, brighter, seed=1) for judge in (first, again))
    assert one == other
    assert one["leak_brightness"] == pytest.approx(1, abs=0.2)
    assert leakage_scores(first, fresh, seed=1)["leak_brightness"] == pytest.approx(0, abs=0.1)


def test_training_a_judge_is_reported_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_STEPS", 5)
    heard: list[tuple[int, int]] = []
    build_judge(digits()[0][:20], SPACE, seed=0, progress=lambda step, steps: heard.append((step, steps)))
    total = 2 * 5 + 2 * (1 + 2 + len(SPACE.ranges))
    assert heard == [(step, total) for step in range(1, total + 1)]
