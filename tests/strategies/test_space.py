"""The augmentation space: what each operation does, and that draws depend on names only."""

from __future__ import annotations

import pytest
import torch

from strategies import OPERATIONS, AugmentationSpace


def images(channels: int = 3, count: int = 8, size: int = 16) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def draw(
    ranges: dict[str, float], x: torch.Tensor, strength: float = 1.0, **arguments: float
) -> torch.Tensor:
    space = AugmentationSpace(ranges, padding="zeros")
    return space.draw(x, dict.fromkeys(ranges, strength), seed=int(arguments.pop("seed", 5)), **arguments)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_each_operation_changes_images_and_stays_in_range(name: str) -> None:
    x = images()
    before = x.clone()
    out = draw({name: 0.5}, x)
    assert torch.equal(x, before)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert out.min() >= 0
    assert out.max() <= 1
    assert not torch.equal(out, x)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_strength_or_probability_zero_is_the_same_tensor(name: str) -> None:
    x = images()
    assert draw({name: 0.5}, x, strength=0.0) is x
    assert draw({name: 0.5}, x, probability=0.0) is x


def test_images_for_which_nothing_fires_are_kept_bit_for_bit() -> None:
    ranges = dict.fromkeys(OPERATIONS, 0.3)
    x = images(count=64)
    out = draw(ranges, x, probability=0.03)
    same = (out == x).flatten(1).all(1)
    assert 0 < same.sum() < 64


def test_same_seed_same_view_another_seed_another_view() -> None:
    x = images()
    assert torch.equal(draw({"rotation": 30}, x), draw({"rotation": 30}, x))
    assert not torch.equal(draw({"rotation": 30}, x), draw({"rotation": 30}, x, seed=6))


def test_adding_an_operation_does_not_shift_the_draws_of_another() -> None:
    x = images()
    flipped = draw({"x_flip": 0.5}, x)
    grey = torch.full_like(x, 0.5)
    both = draw({"x_flip": 0.5, "brightness": 0.0}, x)
    assert torch.equal(flipped, both)
    alone = draw({"brightness": 0.4}, grey)
    beside = draw({"brightness": 0.4, "x_flip": 0.5, "y_flip": 0.5}, grey)
    assert torch.equal(alone, beside)


def test_flip_is_exact_and_as_frequent_as_its_range_times_the_strength() -> None:
    x = images(1, count=4000, size=8)
    for strength, expected in ((1.0, 0.5), (0.4, 0.2)):
        out = draw({"x_flip": 0.5}, x, strength=strength)
        flipped = (out == x.flip(3)).flatten(1).all(1)
        assert (flipped | (out == x).flatten(1).all(1)).all()
        assert flipped.float().mean().item() == pytest.approx(expected, abs=0.04)


def test_shift_of_whole_pixels_equals_rolling_a_small_object() -> None:
    x = torch.zeros(200, 1, 16, 16)
    x[:, :, 8, 8] = 1.0
    out = draw({"shift": 0.25}, x)
    columns = (out.sum((1, 2)) * torch.arange(16)).sum(1) / out.sum((1, 2, 3))
    assert columns.min() > 8 - 4.01
    assert columns.max() < 8 + 4.01
    assert columns.std() > 1.5


def test_rotation_moves_by_the_angle_and_scale_by_the_factor() -> None:
    x = torch.zeros(300, 1, 33, 33)
    x[:, :, 16, 28] = 1.0  # twelve pixels right of the centre
    rows, columns = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")

    def centre(out: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mass = out.sum((1, 2, 3))
        return (out[:, 0] * rows).sum((1, 2)) / mass, (out[:, 0] * columns).sum((1, 2)) / mass

    dy, dx = centre(draw({"rotation": 30}, x))
    angles = torch.rad2deg(torch.atan2(dy, dx))
    assert 27 < angles.abs().max() < 31
    assert abs(angles.mean()) < 3
    radius = torch.hypot(*centre(draw({"scale": 0.2}, x))) / 12
    assert 1 / 1.2 - 0.02 < radius.min() < 0.87
    assert 1.15 < radius.max() < 1.22


def test_half_the_strength_moves_the_same_image_half_as_far() -> None:
    x = torch.zeros(50, 1, 33, 33)
    x[:, :, 16, 16] = 1.0
    columns = torch.arange(33.0) - 16

    def offset(strength: float) -> torch.Tensor:
        return (draw({"shift": 0.25}, x, strength).sum((1, 2)) * columns).sum(1)

    torch.testing.assert_close(offset(0.5) * 2, offset(1.0), atol=0.01, rtol=0.01)


def test_grey_images_skip_colour_operations() -> None:
    x = images(1)
    assert torch.equal(draw({"hue": 90, "saturation": 1.0}, x), x)


def test_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    draw(dict.fromkeys(OPERATIONS, 0.5), images())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("ranges", "message"),
    [({"rotate": 3}, "unknown"), ({"rotation": 400}, "outside"), ({"x_flip": -0.1}, "outside")],
)
def test_wrong_spaces_are_refused(ranges: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentationSpace(ranges)
