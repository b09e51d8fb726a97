"""Properties of the cached sampler: exactly the naive one, a function of its uniforms, no side effects."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pcvq2.cached_sampler import CachedSampler, invert_cdf
from pcvq2.pixelcnn import GatedPixelCNN
from pcvq2.sampling import TILE, sample_codes

CODES = 24


def build(**options: int | float) -> GatedPixelCNN:
    """Return a model whose logits spread over several nats: at initialisation they hide errors."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GatedPixelCNN(CODES, **{"channels": 16, "layers": 4, **options})
    with torch.no_grad():
        if model.condition_projection is not None:  # zero at the start
            model.condition_projection.reset_parameters()
        for parameter in model.parameters():
            parameter.mul_(2.0)
        model.output.weight.mul_(3.0)
    return model


def draws(
    model: GatedPixelCNN, batch: int, height: int, width: int
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return uniforms, and a context and condition if the model takes them."""
    generator = torch.Generator().manual_seed(1)
    uniforms = torch.rand(batch, height, width, generator=generator)
    context = condition = None
    if model.context_channels:
        context = torch.randn(batch, model.context_channels, height, width, generator=generator)
    if model.conditions:
        condition = torch.randn(batch, model.conditions, generator=generator)
    return uniforms, context, condition


@torch.no_grad()
def naive_sample(
    model: GatedPixelCNN,
    uniforms: Tensor,
    context: Tensor | None,
    condition: Tensor | None,
    temperature: float = 1.0,
) -> Tensor:
    """Draw the same maps with one full forward pass per pixel: the oracle."""
    model.eval()
    codes = torch.zeros(uniforms.shape, dtype=torch.int64)
    for row in range(uniforms.shape[1]):
        for column in range(uniforms.shape[2]):
            logits = model(codes, context, condition)[:, :, row, column] / temperature
            cumulative = torch.softmax(logits, 1).cumsum(1)
            target = uniforms[:, row, column, None] * cumulative[:, -1:]
            codes[:, row, column] = (cumulative <= target).sum(1)
    return codes


SHAPES = [(3, 6, 6), (5, 4, 7), (2, 7, 3), (4, 1, 1), (3, 1, 6), (3, 6, 1), (1, 5, 2), (TILE + 3, 3, 2)]
OPTIONS = [
    {},
    {"context_channels": 3},
    {"conditions": 4},
    {"context_channels": 2, "conditions": 3},
    {"attention_heads": 4},
    {"context_channels": 2, "conditions": 3, "attention_heads": 2, "attention_every": 2},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_samples_are_the_naive_samples(options: dict[str, int], shape: tuple[int, int, int]) -> None:
    model = build(**options)
    given = draws(model, *shape)
    assert torch.equal(sample_codes(model, *given), naive_sample(model, *given))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_the_naive_logits(options: dict[str, int], shape: tuple[int, int, int]) -> None:
    """Follow given codes instead of drawing: then every pixel's logits can be compared."""
    model = build(**options).eval()
    uniforms, context, condition = draws(model, *shape)
    codes = (uniforms * CODES).long()
    seen = torch.empty(shape[0], CODES, *shape[1:])

    def follow(row: int, column: int, logits: Tensor) -> Tensor:
        seen[:, :, row, column] = logits
        return codes[:, row, column]

    assert torch.equal(CachedSampler(model, *shape).decode(follow, context, condition), codes)
    with torch.no_grad():
        expected = model(codes, context, condition)
    assert expected.std(1).mean() > 0.5  # otherwise the next line proves little
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("attention_heads", [0, 2])
@pytest.mark.parametrize("temperature", [0.5, 1.7])
def test_temperature_divides_the_logits(temperature: float, attention_heads: int) -> None:
    model = build(attention_heads=attention_heads)
    given = draws(model, 4, 5, 4)
    drawn = sample_codes(model, *given, temperature=temperature)
    assert torch.equal(drawn, naive_sample(model, *given, temperature=temperature))
    assert not torch.equal(drawn, sample_codes(model, *given))


def test_a_low_temperature_takes_the_likeliest_code() -> None:
    model = build().eval()
    drawn = sample_codes(model, draws(model, 4, 4, 4)[0], temperature=1e-3)
    with torch.no_grad():
        assert torch.equal(model(drawn).argmax(1), drawn)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_other_temperatures_are_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be positive"):
        sample_codes(build(), torch.rand(1, 2, 2), temperature=temperature)


def test_missing_context_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a context"):
        sample_codes(build(context_channels=2), torch.rand(1, 2, 2))


@pytest.mark.parametrize("attention_heads", [0, 2])
def test_a_sample_depends_on_its_own_uniforms_only(attention_heads: int) -> None:
    model = build(attention_heads=attention_heads)
    uniforms, _, _ = draws(model, 9, 5, 5)
    together = sample_codes(model, uniforms)
    assert torch.equal(
        together, torch.cat([sample_codes(model, uniforms[:4]), sample_codes(model, uniforms[4:])])
    )


@pytest.mark.parametrize("attention_heads", [0, 2])
def test_sampling_has_no_side_effects(attention_heads: int) -> None:
    model = build(dropout=0.5, attention_heads=attention_heads).train()
    uniforms, _, _ = draws(model, 2, 4, 4)
    before, state = uniforms.clone(), torch.random.get_rng_state()
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    first = sample_codes(model, uniforms)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(uniforms, before)
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert torch.equal(first, sample_codes(model.eval(), uniforms))  # dropout was off


def test_samples_are_ordinary_tensors_that_can_be_trained_on() -> None:
    model = build()
    drawn = sample_codes(model, draws(model, 2, 3, 3)[0])
    torch.nn.functional.cross_entropy(model(drawn), drawn).backward()
    assert model.embedding.weight.grad is not None


@pytest.mark.parametrize("attention_heads", [0, 2])
def test_autocast_does_not_reach_the_sampler(attention_heads: int) -> None:
    model = build(context_channels=2, attention_heads=attention_heads)
    given = draws(model, 3, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = sample_codes(model, *given)
    assert torch.equal(inside, sample_codes(model, *given))


@pytest.mark.parametrize("attention_heads", [0, 2])
def test_no_maps_are_asked_for(attention_heads: int) -> None:
    assert sample_codes(build(attention_heads=attention_heads), torch.rand(0, 3, 2)).shape == (0, 3, 2)


@pytest.mark.parametrize("attention_heads", [0, 2])
def test_a_sampler_can_be_used_again(attention_heads: int) -> None:
    """Whatever an earlier call left in the buffers does not matter."""
    model = build(conditions=4, attention_heads=attention_heads)
    uniforms, _, condition = draws(model, 3, 4, 5)
    sampler = CachedSampler(model, *uniforms.shape)

    def choose(row: int, column: int, logits: Tensor) -> Tensor:
        return invert_cdf(logits, uniforms[:, row, column, None])

    first = sampler.decode(choose, condition=condition)
    sampler.decode(
        lambda row, column, logits: logits.argmin(1),
        condition=condition.flip(0) if condition is not None else None,
    )
    assert torch.equal(sampler.decode(choose, condition=condition), first)


@pytest.mark.parametrize("attention_heads", [0, 2])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_sampling_on_a_gpu(attention_heads: int) -> None:
    model = build(context_channels=2, conditions=3, attention_heads=attention_heads).eval()
    given = draws(model, 5, 4, 6)
    on_gpu = sample_codes(model.cuda(), *[x if x is None else x.cuda() for x in given])
    assert on_gpu.is_cuda
    assert (on_gpu.cpu() == naive_sample(model.cpu(), *given)).float().mean() > 0.9  # sums round differently


@pytest.mark.parametrize("part", ["output.bias", "attention.3.memory.weight"])
def test_changed_weights_change_the_next_sample(part: str) -> None:
    """Nothing derived from the weights may outlive a call."""
    model = build(attention_heads=2)
    uniforms, _, _ = draws(model, 4, 4, 4)
    first = sample_codes(model, uniforms)
    with torch.no_grad():
        changed = model.get_parameter(part)
        changed.add_(torch.linspace(-9, 9, changed.shape[0]).view(-1, *[1] * (changed.ndim - 1)))
    assert not torch.equal(first, sample_codes(model, uniforms))


def test_inverse_cdf_draws_each_code_as_often_as_its_probability() -> None:
    probabilities = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0])
    grid = torch.arange(1000) / 1000
    drawn = invert_cdf(probabilities.log().expand(1000, 6), grid[:, None])
    torch.testing.assert_close(drawn.bincount(minlength=6) / 1000, probabilities, atol=1.5e-3, rtol=0)


@pytest.mark.parametrize("codes", [1, 2, 24, 37, 512])
def test_inverse_cdf_at_the_ends(codes: int) -> None:
    """The smallest and the largest uniform must hit codes of positive probability."""
    generator = torch.Generator().manual_seed(2)
    logits = 4 * torch.randn(64, codes, generator=generator)
    logits[:, : codes // 3] = -torch.inf
    logits[:, codes - codes // 3 :] = -torch.inf
    for uniform in (0.0, 1 - 2**-24):
        drawn = invert_cdf(logits, torch.full((64, 1), uniform))
        assert logits.gather(1, drawn[:, None]).isfinite().all()
