"""Properties of the gated PixelCNN: strictly causal, no blind spot, normalised."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pcvq2.config import PriorConfig
from pcvq2.pixelcnn import GatedPixelCNN
from pcvq2.prior import Prior

CODES = 7


def build(seed: int = 0, **options: int | float) -> GatedPixelCNN:
    """Return a model in eval mode whose float64 weights are scaled up, so that no influence can hide."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GatedPixelCNN(CODES, **{"channels": 16, "layers": 3, **options})
    with torch.no_grad():
        if model.condition_projection is not None:  # zero at the start
            model.condition_projection.reset_parameters()
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model.eval().double()


def inputs(
    model: GatedPixelCNN, batch: int, height: int, width: int
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return random codes, and a context and condition if the model takes them."""
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(CODES, (batch, height, width), generator=generator)
    context = condition = None
    if model.context_channels:
        context = torch.randn(batch, model.context_channels, height, width, generator=generator).double()
    if model.conditions:
        condition = torch.randn(batch, model.conditions, generator=generator).double()
    return codes, context, condition


@torch.no_grad()
def influence(model: GatedPixelCNN, height: int, width: int) -> Tensor:
    """Return which input pixels move the logits of which outputs, (outputs, inputs) bool, in raster order."""
    pixels = height * width
    codes, context, condition = inputs(model, 1, height, width)
    variants = codes.repeat(pixels * (CODES - 1), 1, 1).reshape(pixels, CODES - 1, pixels)
    for pixel in range(pixels):
        for change in range(1, CODES):  # every other code, so that two equal effects cannot hide one
            variants[pixel, change - 1, pixel] = (codes.flatten()[pixel] + change) % CODES
    batch = pixels * (CODES - 1)
    everywhere = context if context is None else context.expand(batch, -1, -1, -1)
    told = condition if condition is None else condition.expand(batch, -1)
    changed = model(variants.reshape(batch, height, width), everywhere, told)
    moved = (changed - model(codes, context, condition)).abs().amax(1)  # (batch, H, W)
    # The same pixel may round differently in another batch: a real influence is far larger (float64).
    return (moved.reshape(pixels, CODES - 1, pixels).amax(1) > 1e-10).T


OPTIONS = [
    {},
    {"context_channels": 3},
    {"conditions": 4},
    {"context_channels": 2, "conditions": 3},
    {"attention_heads": 4},
    {"context_channels": 2, "conditions": 3, "attention_heads": 2, "attention_every": 2},
]
SIZES = [(5, 5), (4, 6), (6, 3), (1, 6), (6, 1), (1, 1)]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_logits_depend_on_exactly_the_earlier_pixels(
    options: dict[str, int], height: int, width: int
) -> None:
    """With enough layers everything earlier is seen: strictly causal and no blind spot, in one statement."""
    model = build(layers=max(height, width) + 1, **options)
    pixels = height * width
    earlier = torch.ones(pixels, pixels, dtype=torch.bool).tril(-1)
    assert torch.equal(influence(model, height, width), earlier)


@pytest.mark.parametrize("layers", [1, 2])
def test_few_layers_stay_causal(layers: int) -> None:
    seen = influence(build(layers=layers), 5, 7)
    assert not seen.triu().any()
    assert seen.any()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_attention_sees_everything_earlier_with_few_layers(layers: int, height: int, width: int) -> None:
    pixels = height * width
    earlier = torch.ones(pixels, pixels, dtype=torch.bool).tril(-1)
    assert torch.equal(influence(build(layers=layers, attention_heads=2), height, width), earlier)


@pytest.mark.parametrize("attention_heads", [0, 4])
def test_jacobian_is_strictly_causal(attention_heads: int) -> None:
    """The gradient of a pixel's logits by the embeddings is exactly zero from that pixel on."""
    model = build(layers=6, attention_heads=attention_heads)
    codes, _, _ = inputs(model, 1, 4, 5)
    embedded: list[Tensor] = []
    model.embedding.register_forward_hook(
        lambda module, given, output: embedded.append(output.requires_grad_())
    )
    logits = model(codes)[0].flatten(1)  # (codes, pixels)
    for pixel in range(logits.shape[1]):
        (gradient,) = torch.autograd.grad(logits[:, pixel].square().sum(), embedded[0], retain_graph=True)
        sensitivity = gradient.abs().sum(3).flatten()
        assert (sensitivity[pixel:] == 0).all()
        assert (sensitivity[:pixel] > 0).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_probabilities_of_all_maps_sum_to_one(options: dict[str, int]) -> None:
    """The product of the conditionals, summed over every possible 1x3 and 3x1 map, is one."""
    model = build(**options)
    every = torch.cartesian_prod(*[torch.arange(CODES)] * 3)
    for shape in ((1, 3), (3, 1)):
        maps = every.reshape(-1, *shape)
        _, context, condition = inputs(model, 1, *shape)
        everywhere = context if context is None else context.expand(len(maps), -1, -1, -1)
        told = condition if condition is None else condition.expand(len(maps), -1)
        with torch.no_grad():
            logarithms = model(maps, everywhere, told).log_softmax(1).gather(1, maps[:, None])
        assert logarithms.sum((1, 2, 3)).exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_context_and_condition_matter_at_every_pixel() -> None:
    model = build(context_channels=2, conditions=3)
    codes, context, condition = inputs(model, 2, 4, 4)
    assert context is not None
    assert condition is not None
    with torch.no_grad():
        base = model(codes, context, condition)
        assert ((model(codes, context + 1, condition) - base).abs().amax(1) > 1e-4).all()
        assert ((model(codes, context, condition + 1) - base).abs().amax(1) > 1e-4).all()


def test_condition_zero_is_the_model_that_was_never_told() -> None:
    """Weights but the condition's start alike, so arms that tell pair with arms that do not."""
    torch.manual_seed(3)
    plain = Prior(PriorConfig(16, 2), codes=CODES, levels=2).eval()
    torch.manual_seed(3)
    told = Prior(PriorConfig(16, 2, conditions=5, attention_heads=2), codes=CODES, levels=2).eval()
    for name, weight in plain.state_dict().items():
        assert torch.equal(weight, told.state_dict()[name]), name
    maps = [torch.randint(CODES, (3, side, side)) for side in (2, 4)]
    torch.manual_seed(3)
    told = Prior(PriorConfig(16, 2, conditions=5), codes=CODES, levels=2).eval()
    for network in told.networks:
        network.condition_projection.reset_parameters()
    for mine, theirs in zip(told.nats(maps, torch.zeros(3, 5)), plain.nats(maps), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert not torch.allclose(told.nats(maps, torch.ones(3, 5))[1], plain.nats(maps)[1])


def test_wrong_conditions_are_refused() -> None:
    codes = torch.zeros(1, 2, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match="needs a context"):
        build(context_channels=2)(codes)
    with pytest.raises(ValueError, match="needs a condition"):
        build(conditions=2)(codes)
    with pytest.raises(ValueError, match="built without context"):
        build()(codes, torch.zeros(1, 2, 2, 2))
    with pytest.raises(ValueError, match="built without condition"):
        build()(codes, None, torch.zeros(1, 2))


@pytest.mark.parametrize("options", [{"attention_heads": -1}, {"attention_heads": 2, "attention_every": 0}])
def test_impossible_attention_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cannot attend"):
        build(**options)


def test_dropout_acts_in_training_only() -> None:
    model = build(dropout=0.5)
    codes, _, _ = inputs(model, 2, 4, 4)
    assert torch.equal(model(codes), model(codes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model.train()
        assert not torch.equal(model(codes), model(codes))


@pytest.mark.parametrize("attention_heads", [0, 4])
def test_every_parameter_learns(attention_heads: int) -> None:
    model = build(layers=2, context_channels=2, conditions=2, attention_heads=attention_heads)
    codes, context, condition = inputs(model, 4, 5, 5)
    torch.nn.functional.cross_entropy(model(codes, context, condition), codes).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
