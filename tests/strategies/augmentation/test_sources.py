"""The named spaces do to pixels what their sources publish, formula by formula, given the same draws.

ADA: Karras et al. (2020), training/augment.py of NVlabs/stylegan2-ada-pytorch. DiffAugment: Zhao et al.
(2020), DiffAugment_pytorch.py of mit-han-lab/data-efficient-gans. Both take images in [-1, 1]. The formulas
stand here once more, in float64. What deviates is listed by `bench list operations`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from strategies import OPERATIONS, AugmentationSpace
from strategies.augmentation.draws import Draws
from strategies.augmentation.named_spaces import NAMED_SPACES

SEED, COUNT, SIDE = 11, 64, 16
ADA, DIFFAUGMENT = NAMED_SPACES["ada-bgc"], NAMED_SPACES["diffaugment"]


def images(channels: int = 3, side: int = SIDE) -> Tensor:
    return torch.rand(COUNT, channels, side, side, generator=torch.Generator().manual_seed(0))


def part(space: AugmentationSpace, *names: str) -> AugmentationSpace:
    """Return some operations of a space, with its settings."""
    ranges = {name: space.ranges[name] for name in names}
    return AugmentationSpace(ranges, space.padding, space.contrast_about, space.factors)


def drawn(space: AugmentationSpace, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return views and, by parameter, what was drawn, (B,) float64 in [-1, 1]."""
    out, told = space.draw_with_parameters(x, dict.fromkeys(space.ranges, 1.0), seed=SEED)
    return out.double(), dict(zip(space.parameters, told.double().unbind(1), strict=True))


def symmetric(x: Tensor) -> Tensor:
    return x.double() * 2 - 1


def back(y: Tensor) -> Tensor:
    return ((y + 1) / 2).clamp(0, 1)


def close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def homogeneous(rows: list[list[Tensor | float]]) -> Tensor:
    """Stack a matrix of numbers and (B,) tensors into (B, N, N)."""
    like = next(cell for row in rows for cell in row if isinstance(cell, Tensor))
    cells = [[torch.as_tensor(cell).double().expand_as(like) for cell in row] for row in rows]
    return torch.stack([torch.stack(row, -1) for row in cells], -2)


def ada_colours(x: Tensor, b: Tensor, c: Tensor, theta: Tensor, s: Tensor) -> Tensor:
    """ADA's "Color transformations": C = saturate @ rotate @ scale @ translate, on x in [-1, 1]."""
    axis = torch.tensor([1.0, 1, 1, 0], dtype=torch.float64) / math.sqrt(3)
    along, one = torch.outer(axis, axis), torch.eye(4, dtype=torch.float64)
    translate = homogeneous([[1, 0, 0, b], [0, 1, 0, b], [0, 0, 1, b], [0, 0, 0, 1]])
    scale = homogeneous([[c, 0, 0, 0], [0, c, 0, 0], [0, 0, c, 0], [0, 0, 0, 1]])
    v, sin, cos = 1 / math.sqrt(3), theta.sin(), theta.cos()
    same, plus, minus = v * v * (1 - cos) + cos, v * v * (1 - cos) + v * sin, v * v * (1 - cos) - v * sin
    rotate = homogeneous(
        [[same, minus, plus, 0], [plus, same, minus, 0], [minus, plus, same, 0], [0, 0, 0, 1]]
    )
    saturate = along + (one - along) * s[:, None, None]
    matrix = saturate @ rotate @ scale @ translate
    flat = x.flatten(2)
    if x.shape[1] == 1:
        matrix = matrix[:, :3].mean(1, keepdim=True)
        return (flat * matrix[:, :, :3].sum(2, keepdim=True) + matrix[:, :, 3:]).view_as(x)
    return (matrix[:, :3, :3] @ flat + matrix[:, :3, 3:]).view_as(x)


def test_colours_of_ada_bgc_are_ada_s() -> None:
    x = images()
    out, told = drawn(part(ADA, "brightness", "contrast", "saturation", "hue"), x)
    b = told["brightness"] * 2 * ADA.ranges["brightness"]
    factors = {n: torch.exp2(told[n] * math.log2(1 + ADA.ranges[n])) for n in ("contrast", "saturation")}
    expected = ada_colours(
        symmetric(x), b=b, c=factors["contrast"], theta=told["hue"] * math.pi, s=factors["saturation"]
    )
    close(out, back(expected))


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_colour_operation_alone_is_ada_s(name: str, channels: int) -> None:
    x = images(channels)
    out, told = drawn(part(ADA, name), x)
    zero = torch.zeros(COUNT, dtype=torch.float64)
    factor = torch.exp2(told[name] * math.log2(1 + ADA.ranges[name])) if name != "hue" else zero + 1
    expected = ada_colours(
        symmetric(x),
        b=told[name] * 2 * ADA.ranges[name] if name == "brightness" else zero,
        c=factor if name == "contrast" else zero + 1,
        theta=told[name] * math.pi if name == "hue" else zero,
        s=factor if name == "saturation" else zero + 1,
    )
    close(out, back(expected))


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_of_diffaugment_are_diffaugment_s(channels: int) -> None:
    x = images(channels)
    out, told = drawn(part(DIFFAUGMENT, "brightness", "contrast", "saturation"), x)
    rand = {
        name: ((u + 1) / 2)[:, None, None, None] for name, u in told.items()
    }  # what torch.rand drew there
    y = symmetric(x)
    y = y + (rand["brightness"] - 0.5)
    mean = y.mean(1, keepdim=True)
    y = (y - mean) * (rand["saturation"] * 2) + mean
    mean = y.mean((1, 2, 3), keepdim=True)
    y = (y - mean) * (rand["contrast"] + 0.5) + mean
    close(out, back(y))


@pytest.mark.parametrize("side", [8, 16, 24])
def test_translation_of_diffaugment_is_diffaugment_s(side: int) -> None:
    x = images(side=side)
    space = part(DIFFAUGMENT, "integer_shift")
    out, told = drawn(space, x)
    most = side // 8
    reach = max(1.0, side / 8)
    dx, dy = ((told[f"integer_shift_{axis}"] * reach).round().long() for axis in "xy")
    assert set(dx.tolist()) == set(dy.tolist()) == set(range(-most, most + 1))
    padded = torch.nn.functional.pad(symmetric(x), [1, 1, 1, 1])
    place = torch.arange(side)
    rows = (place[None] - dy[:, None] + 1).clamp(0, side + 1)
    columns = (place[None] - dx[:, None] + 1).clamp(0, side + 1)
    expected = torch.stack([p[:, r][:, :, c] for p, r, c in zip(padded, rows, columns, strict=True)])
    close(out, back(expected))


@pytest.mark.parametrize("side", [8, 16, 22])
def test_cutout_of_diffaugment_is_diffaugment_s_and_ada_s(side: int) -> None:
    x = images(side=side)
    space = part(DIFFAUGMENT, "cutout")
    out, _ = drawn(space, x)
    draws = Draws(x, space.ranges, 1.0, SEED)
    u = [(draws.uniform("cutout", axis).double() + 1) / 2 for axis in (0, 1)]  # the centre, share of the side
    size = side // 2
    offset = [(share * side).round().long() for share in u]
    theirs = symmetric(x)
    for image, column, row in zip(theirs, *(o.tolist() for o in offset), strict=True):
        rows = (torch.arange(size) + row - size // 2).clamp(0, side - 1)
        columns = (torch.arange(size) + column - size // 2).clamp(0, side - 1)
        image[:, rows[:, None], columns[None]] = 0
    if size % 2 == 0:  # an odd square has no pixel corner for its centre
        close(out, back(theirs))
    place = (torch.arange(side) + 0.5) / side
    keep_x = (place[None] - u[0][:, None]).abs() >= 0.25
    keep_y = (place[None] - u[1][:, None]).abs() >= 0.25
    mask = (keep_x[:, None, None, :] | keep_y[:, None, :, None]).double()
    close(out, back(symmetric(x) * mask))


def test_blits_of_ada_bgc_are_ada_s() -> None:
    x = images()
    out, told = drawn(part(ADA, "x_flip", "rot90", "integer_shift"), x)
    turns = sum(told[f"rot90_{90 * turn}"].long() * turn for turn in (1, 2, 3))
    dx, dy = ((told[f"integer_shift_{axis}"] * SIDE * 0.125).round().long() for axis in "xy")
    expected = []
    for i, image in enumerate(symmetric(x)):
        flipped = image.flip(2) if told["x_flip"][i] else image
        turned = flipped.rot90(int(turns[i]), (1, 2))  # type: ignore[arg-type, index]
        padded = torch.nn.functional.pad(turned[None], [2, 2, 2, 2], mode="reflect")[0]
        expected.append(padded.roll((int(dy[i]), int(dx[i])), (1, 2))[:, 2:-2, 2:-2])
    close(out, back(torch.stack(expected)))
    assert set(dx.tolist()) == {-2, -1, 0, 1, 2}, "round(U(-.125, .125) * 16)"


def ada_geometry(told: Mapping[str, Tensor]) -> Tensor:
    """ADA's G_inv: from a pixel of the view to its place in the image, both from the centre. (B, 3, 3)"""
    scale, stretch = (
        torch.exp2(told[name] * math.log2(1 + ADA.ranges[name])) for name in ("scale", "anisotropic_scale")
    )
    theta = -told["rotation"] * math.pi  # theirs turns the other way, as often
    tx, ty = (told[f"shift_{axis}"] * ADA.ranges["shift"] * SIDE for axis in "xy")
    sin, cos = theta.sin(), theta.cos()
    scaled = homogeneous([[1 / scale, 0, 0], [0, 1 / scale, 0], [0, 0, 1]])
    stretched = homogeneous([[1 / stretch, 0, 0], [0, stretch, 0], [0, 0, 1]])
    turned = homogeneous([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])  # after the stretch: its post-rotation
    moved = homogeneous([[1, 0, -tx], [0, 1, -ty], [0, 0, 1]])
    return scaled @ stretched @ turned @ moved


def test_geometry_of_ada_bgc_puts_pixels_where_ada_does() -> None:
    """A ramp is what every interpolation gives back; where a view shows the outside, padding decides."""
    place = torch.arange(SIDE, dtype=torch.float64) - (SIDE - 1) / 2
    rows, columns = torch.meshgrid(place, place, indexing="ij")
    ramps = torch.stack([columns, rows, columns + rows]) / (2 * SIDE) + 0.5
    x = ramps.float().expand(COUNT, 3, SIDE, SIDE)
    out, told = drawn(part(ADA, "scale", "rotation", "anisotropic_scale", "shift"), x)
    points = torch.stack([columns.flatten(), rows.flatten(), torch.ones(SIDE * SIDE, dtype=torch.float64)])
    source = (ada_geometry(told) @ points).view(COUNT, 3, SIDE, SIDE)
    inside = (source[:, :2].abs() <= (SIDE - 1) / 2 - 0.01).all(1)
    assert inside.float().mean() > 0.4
    expected = torch.stack([source[:, 0], source[:, 1], source[:, 0] + source[:, 1]], 1) / (2 * SIDE) + 0.5
    got, wanted = (t.permute(0, 2, 3, 1)[inside] for t in (out, expected))
    close(got, wanted)


def test_ranges_have_the_standard_deviations_or_the_ends_of_their_sources() -> None:
    uniform = 1 / math.sqrt(3)  # standard deviation of U(-1, 1)
    for name, log2_deviation in (
        ("scale", 0.2),
        ("anisotropic_scale", 0.2),
        ("contrast", 0.5),
        ("saturation", 1),
    ):
        assert math.log2(1 + ADA.ranges[name]) * uniform == pytest.approx(log2_deviation, rel=2e-4)
    assert ADA.ranges["shift"] * uniform == pytest.approx(0.125, rel=2e-4)
    assert ADA.ranges["brightness"] * uniform == pytest.approx(0.2 / 2, rel=2e-4), "theirs is of [-1, 1]"
    assert (ADA.ranges["rotation"], ADA.ranges["hue"]) == (180, 180)
    assert ADA.ranges["rot90"] == 1 - 1 / 4
    assert NAMED_SPACES["geometry"].ranges.items() - {"y_flip": 0.5}.items() <= ADA.ranges.items()
    assert DIFFAUGMENT.ranges["brightness"] == 0.5 / 2, "theirs is U(-.5, .5) of [-1, 1]"
    draws = Draws(images(), DIFFAUGMENT.ranges, 1.0, SEED, linear=True)
    for name, (low, high) in {"contrast": (0.5, 1.5), "saturation": (0, 2)}.items():
        factor, width = draws.factor(name), high - low
        assert low <= factor.min() < low + 0.1 * width
        assert high - 0.1 * width < factor.max() <= high


def test_contrast_leaves_its_centre_where_it_is() -> None:
    bright = 0.8 + 0.1 * (images() - 0.5)
    for about in ("grey", "mean"):
        space = AugmentationSpace({"contrast": 0.82}, contrast_about=about)
        out, told = drawn(space, bright)
        means = out.mean((1, 2, 3))
        factor = 1.82 ** told["contrast"]
        if about == "mean":
            close(means, bright.double().mean((1, 2, 3)))
        else:
            unclamped = (bright.double() - 0.5).amax((1, 2, 3)) * factor < 0.5
            close(means[unclamped], (0.5 + (bright.double().mean((1, 2, 3)) - 0.5) * factor)[unclamped])


@pytest.mark.parametrize("name", ["integer_shift", "shift", "rotation", "scale"])
def test_grey_padding_shows_grey_outside_the_image(name: str) -> None:
    x = torch.ones(COUNT, 3, SIDE, SIDE)
    space = AugmentationSpace({name: 45.0 if name == "rotation" else 0.5}, padding="grey")
    out = space.draw(x, {name: 1.0}, seed=SEED)
    assert out.min() == 0.5
    assert out.max() == 1


def test_every_deviation_is_listed_with_its_source() -> None:
    for name in ADA.ranges.keys() | DIFFAUGMENT.ranges.keys():
        assert "ADA" in OPERATIONS[name].source
    for name in ("shift", "brightness"):
        assert "normal" in OPERATIONS[name].source
    for name in ("scale", "anisotropic_scale", "contrast", "saturation"):
        assert "lognormal" in OPERATIONS[name].source
    for name in ("brightness", "contrast", "saturation", "hue"):
        assert "clamped" in OPERATIONS[name].source
    for name in ("saturation", "hue"):
        assert "not HSV" in OPERATIONS[name].source
