"""The augmentation space: what each operation does, and that draws depend on names only."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import rotate

from strategies import OPERATIONS, AugmentationSpace
from strategies.augmentation.named_spaces import NAMED_SPACES
from strategies.augmentation.operations import _CHANGES


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


def test_grey_images_skip_colour_operations_and_say_so() -> None:
    x = images(1)
    assert torch.equal(draw({"hue": 90, "saturation": 1.0}, x), x)
    space = AugmentationSpace({"hue": 90, "rotation": 5})
    assert (space.skipped(1), space.skipped(3)) == (("hue",), ())
    drawn = space.draw_with_parameters(x, {"hue": 1.0, "rotation": 1.0}, seed=1)
    assert drawn.parameters[:, 1].abs().max() == 0 < drawn.parameters[:, 0].abs().min()


def drawn(name: str, full: float, x: torch.Tensor, **arguments: float) -> tuple[torch.Tensor, torch.Tensor]:
    space = AugmentationSpace({name: full}, padding="zeros")
    strengths = {name: arguments.pop("strength", 1.0)}
    return space.draw_with_parameters(x, strengths, seed=3, **arguments)


def test_parameters_say_what_was_done_to_each_image() -> None:
    """Doing it by hand, with torch and torchvision, gives the same pictures."""
    x = images(count=32)
    out, told = drawn("x_flip", 0.5, x)
    assert torch.equal(out, torch.where(told[:, :1, None, None] == 1, x.flip(3), x))
    out, told = drawn("rot90", 0.75, x)
    assert set(told.sum(1).tolist()) == {0.0, 1.0}
    turns = (told * torch.tensor([1, 2, 3])).sum(1).long()
    assert set(turns.tolist()) == {0, 1, 2, 3}
    assert torch.equal(out, torch.stack([i.rot90(int(k), (1, 2)) for i, k in zip(x, turns, strict=True)]))
    out, told = drawn("integer_shift", 0.25, x)
    for image, moved, (dx, dy) in zip(x, out, (told * 4).round().int().tolist(), strict=True):
        expected = torch.zeros_like(image)
        inside = image[:, max(0, -dy) : 16 - max(0, dy), max(0, -dx) : 16 - max(0, dx)]
        expected[:, max(0, dy) : 16 + min(0, dy), max(0, dx) : 16 + min(0, dx)] = inside
        assert torch.equal(moved, expected)
    out, told = drawn("brightness", 0.4, x, strength=0.5)
    torch.testing.assert_close(out, (x + told[:, :, None, None] * 0.4).clamp(0, 1))
    assert told.abs().max() <= 0.5
    out, told = drawn("rotation", 30.0, images(count=4, size=33))
    for image, turned, (share,) in zip(images(count=4, size=33), out, told.tolist(), strict=True):
        # both count degrees against the clock
        expected = rotate(image, -30 * share, InterpolationMode.BILINEAR)
        torch.testing.assert_close(turned, expected, atol=2e-3, rtol=0)


def test_blur_keeps_the_mean_and_noise_has_its_deviation() -> None:
    x = images(count=64, size=32)
    out, told = drawn("blur", 0.1, x)
    torch.testing.assert_close(out.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=0.02, rtol=0)
    detail = (out - out.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))
    order = told[:, 0].argsort()
    assert detail[order[-8:]].mean() < 0.2 * detail[order[:8]].mean()
    out, told = drawn("noise", 0.1, torch.full_like(x, 0.5))
    torch.testing.assert_close((out - 0.5).std((1, 2, 3)), told[:, 0] * 0.1, atol=0.003, rtol=0.05)


def test_reflection_of_whole_pixels_mirrors_at_the_border() -> None:
    space = AugmentationSpace({"integer_shift": 0.5}, padding="reflection")
    x = torch.arange(8.0).expand(30, 1, 8, 8) / 8
    out, told = space.draw_with_parameters(x, {"integer_shift": 1.0}, seed=0)
    for row, dx in zip(out[:, 0, 0], (told[:, 0] * 4).round().int().tolist(), strict=True):
        position = torch.arange(8) - dx
        position = torch.where(position < 0, -position, position)
        position = torch.where(position > 7, 14 - position, position)
        assert torch.equal(row, x[0, 0, 0, position])


def test_anisotropic_scale_keeps_the_area_of_a_disc() -> None:
    rows, columns = torch.meshgrid(torch.arange(65.0) - 32, torch.arange(65.0) - 32, indexing="ij")
    x = (rows**2 + columns**2 < 144).float().expand(16, 1, 65, 65)
    out, told = drawn("anisotropic_scale", 0.5, x)
    torch.testing.assert_close(out.sum((1, 2, 3)), x.sum((1, 2, 3)), rtol=0.02, atol=0)
    wide = (out * columns**2).sum((1, 2, 3)).sqrt() / (out * rows**2).sum((1, 2, 3)).sqrt()
    torch.testing.assert_close(wide, torch.exp(2 * told[:, 0] * math.log(1.5)), rtol=0.03, atol=0)


@pytest.mark.parametrize("name", sorted(NAMED_SPACES))
def test_named_spaces_are_sound_for_grey_and_colour(name: str) -> None:
    space = NAMED_SPACES[name]
    for channels in (1, 3):
        x = images(channels)
        out = space.draw(x, dict.fromkeys(space.ranges, 1.0), seed=1)
        assert 0 <= out.min() <= out.max() <= 1
        assert not torch.equal(out, x)


def test_quarter_turns_of_oblong_images_are_refused() -> None:
    with pytest.raises(ValueError, match="square images, got 8 x 6"):
        draw({"rot90": 0.5}, torch.rand(2, 1, 8, 6))


def test_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    draw(dict.fromkeys(OPERATIONS, 0.5), images())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"rotate": 3}, "unknown"),
        ({"rotation": 400}, "outside"),
        ({"x_flip": -0.1}, "outside"),
        ({"rotation": math.nan}, "outside"),
    ],
)
def test_wrong_spaces_are_refused(ranges: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentationSpace(ranges)


@pytest.mark.parametrize(
    ("ranges", "settings", "message"),
    [
        ({}, {"padding": "black"}, "padding 'black' is unknown; known: reflection, border, zeros, grey"),
        ({}, {"contrast_about": "black"}, "contrast_about 'black' is unknown; known: grey, mean"),
        ({}, {"factors": "log"}, "factors 'log' is unknown; known: logarithmic, linear"),
        ({"saturation": 1.5}, {"factors": "linear"}, r"saturation: 1.5 is outside \[0, 1\] where `factors`"),
        ({"scale": 1.0}, {"factors": "linear"}, "scale: 1.0 must lie below 1 where `factors` is linear"),
    ],
)
def test_wrong_settings_are_refused(ranges: dict[str, float], settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentationSpace(ranges, **settings)


def test_a_space_is_named_by_its_settings_and_by_the_versions_of_what_changed_its_meaning() -> None:
    plain = {"ranges": {"rotation": 5.0, "brightness": 0.1}, "padding": "zeros"}
    assert AugmentationSpace(plain["ranges"], "zeros").resolved() == plain  # type: ignore[arg-type]
    space = AugmentationSpace({"contrast": 0.2, "hue": 5.0}, contrast_about="mean", factors="linear")
    expected = {
        "ranges": {"contrast": 0.2, "hue": 5.0},
        "padding": "reflection",
        "contrast_about": "mean",
        "factors": "linear",
        "operations": {"contrast": 2, "hue": 2},
    }
    assert space.resolved(3) == expected
    assert space.resolved(1) == expected | {"operations": {"contrast": 2}}, "grey images have no hue"
    assert "factors" not in AugmentationSpace({"hue": 5.0}, factors="linear").resolved()


def test_every_operation_of_the_catalogue_has_its_pixels() -> None:
    warps = {name for name, operation in OPERATIONS.items() if operation.warps}
    assert warps.isdisjoint(_CHANGES)
    assert warps | _CHANGES.keys() == set(OPERATIONS)
