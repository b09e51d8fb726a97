"""Properties of the causal attention: what a pixel sees, and that without it nothing changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pcvq2 import PCVQ2Config, PriorConfig, preset
from pcvq2.attention import AttentionCache, CausalAttention, coordinates
from pcvq2.config import PRESETS
from pcvq2.pixelcnn import GatedPixelCNN
from pcvq2.prior import Prior

CHANNELS = 12


def seeded(build: Any, *arguments: object, **options: object) -> Any:
    """Build a module whose weights are the same in every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(*arguments, **options)


def attention(heads: int = 2, dropout: float = 0.0) -> CausalAttention:
    return seeded(CausalAttention, CHANNELS, heads, dropout).double()


def features(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return features (B, C, H, W) and embedded codes (B, H, W, C)."""
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(batch, CHANNELS, height, width, generator=generator).double()
    return h, torch.randn(batch, height, width, CHANNELS, generator=generator).double()


def by_hand(layer: CausalAttention, h: Tensor, embedded: Tensor) -> Tensor:
    """Return the same, one pixel and one head after the other, over a plain list of the past: the oracle."""
    height, width = h.shape[2:]
    place = coordinates(height, width, h)
    added = torch.zeros_like(h)
    past: list[tuple[Tensor, Tensor]] = []
    for pixel in range(height * width):
        row, column = divmod(pixel, width)
        here, code = h[:, :, row, column], embedded[:, row, column]
        at = place[pixel].expand(len(h), 2)
        query = layer.query(layer.query_hidden(torch.cat((here, at), 1)).relu())
        seen = []
        for head, q in enumerate(query.chunk(layer.heads, 1)):
            keys = [k.chunk(layer.heads, 1)[head] for k, _ in past]
            scores = [torch.zeros(len(h)).double(), *[(q * k).sum(1) / q.shape[1] ** 0.5 for k in keys]]
            weights = torch.stack(scores).softmax(0)[1:]  # the first was for looking at nothing
            values = [v.chunk(layer.heads, 1)[head] for _, v in past]
            total = sum(w[:, None] * v for w, v in zip(weights, values, strict=True))
            seen.append(total if past else torch.zeros_like(q))
        added[:, :, row, column] = layer.residual(torch.cat(seen, 1))
        memory = layer.memory(layer.memory_hidden(torch.cat((here, code, at), 1)).relu())
        past.append(tuple(memory.chunk(2, 1)))
    return added


SHAPES = [(3, 4, 4), (2, 3, 5), (2, 1, 4), (2, 4, 1), (2, 1, 1)]


@torch.no_grad()
@pytest.mark.parametrize("heads", [1, 2, 3, 8])  # 8 do not divide the channels: heads of one number each
@pytest.mark.parametrize("shape", SHAPES)
def test_attention_is_what_its_definition_says(heads: int, shape: tuple[int, int, int]) -> None:
    layer, given = attention(heads), features(*shape)
    torch.testing.assert_close(layer(*given), by_hand(layer, *given), atol=1e-12, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_cache_gives_the_same(heads: int, shape: tuple[int, int, int]) -> None:
    layer, (h, embedded) = attention(heads), features(*shape)
    cache = AttentionCache(layer, *shape)
    rows = h.flatten(2).permute(2, 0, 1).clone()  # (H * W, B, C)
    for pixel, row in enumerate(rows):
        cache.attend(pixel, row)
        cache.remember(pixel, embedded.flatten(1, 2)[:, pixel])
    torch.testing.assert_close(rows.permute(1, 2, 0).view_as(h), h + layer(h, embedded), atol=1e-12, rtol=0)


def test_the_first_pixel_sees_nothing_and_breaks_nothing() -> None:
    """Its share is exactly zero, and no gradient is nan."""
    layer, (h, embedded) = attention(), features(2, 3, 3)
    h.requires_grad_()
    added = layer(h, embedded)
    assert (added[:, :, 0, 0] == 0).all()
    assert (added.flatten(2)[:, :, 1:] != 0).all()
    added.square().sum().backward()
    assert h.grad is not None
    assert h.grad.isfinite().all()


def test_a_pixel_does_not_see_its_own_code() -> None:
    """Codes enter unshifted: the code of pixel p changes what is added after p only."""
    layer, (h, embedded) = attention(), features(1, 3, 4)
    for pixel in range(12):
        changed = embedded.clone()
        changed.flatten(1, 2)[:, pixel] += 1
        moved = (layer(h, changed) - layer(h, embedded)).abs().amax(1).flatten() > 0
        assert moved.tolist() == [other > pixel for other in range(12)]


def test_the_place_matters() -> None:
    """The same features and codes everywhere: only the number of earlier pixels and the place differ."""
    layer = attention()
    h, embedded = torch.ones(1, CHANNELS, 3, 3).double(), torch.ones(1, 3, 3, CHANNELS).double()
    assert layer(h, embedded).flatten(2)[0].T.unique(dim=0).shape[0] == 9
    assert coordinates(2, 3, h).tolist() == [[-1, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]]


def test_dropout_acts_on_the_attention_in_training_only() -> None:
    layer, given = attention(dropout=0.5), features(2, 3, 3)
    expected = by_hand(layer, *given)
    torch.testing.assert_close(layer.eval()(*given), expected, atol=1e-12, rtol=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert not torch.allclose(layer.train()(*given), expected)


def test_without_heads_nothing_changes() -> None:
    """No parameter, no entry of the state; and with heads all other weights start as without."""
    without = seeded(GatedPixelCNN, 7, layers=6)
    attending = seeded(GatedPixelCNN, 7, layers=6, attention_heads=2)
    assert not [name for name in without.state_dict() if "attention" in name]
    assert without.attentions() == [None] * 6
    kept = {k: v for k, v in attending.state_dict().items() if not k.startswith("attention.")}
    assert list(kept) == list(without.state_dict())
    assert all(torch.equal(weight, kept[name]) for name, weight in without.state_dict().items())


@pytest.mark.parametrize(
    ("layers", "every", "places"),
    [(20, 5, [4, 9, 14, 19]), (10, 5, [4, 9]), (4, 5, [3]), (1, 5, [0]), (6, 5, [0, 5]), (3, 1, [0, 1, 2])],
)
def test_attention_follows_the_last_layer_and_every_few_before(
    layers: int, every: int, places: list[int]
) -> None:
    model = GatedPixelCNN(7, channels=4, layers=layers, attention_heads=2, attention_every=every)
    assert [index for index, found in enumerate(model.attentions()) if found is not None] == places


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_only_the_coarsest_level_attends(levels: int) -> None:
    config = PriorConfig(channels=8, layers=2, context_layers=1, attention_heads=2)
    prior = Prior(config, codes=7, levels=levels)
    assert [len(network.attention) for network in prior.networks] == [1] + [0] * (levels - 1)
    maps = [torch.zeros(2, 2 << level, 2 << level, dtype=torch.int64) for level in range(levels)]
    prior.loss(maps).backward()
    drawn = prior.eval().sample([torch.rand(m.shape) for m in maps])
    assert [m.shape for m in drawn] == [m.shape for m in maps]


def test_only_the_paper_preset_attends() -> None:
    assert {n: p["prior"].attention_heads for n, p in PRESETS.items() if p["prior"].attention_heads} == {
        "paper": 8
    }


def test_a_configuration_saved_before_attention_still_loads() -> None:
    config = preset("tiny", size=16, channels=1)
    saved = config.to_dict()
    del saved["prior"]["attention_heads"]
    assert PCVQ2Config.from_dict(saved) == config
    attending = replace(config, prior=replace(config.prior, attention_heads=2))
    assert PCVQ2Config.from_dict(attending.to_dict()) == attending


def test_a_negative_number_of_heads_is_refused() -> None:
    with pytest.raises(ValueError, match="attention_heads must be at least 0, got -1"):
        PriorConfig(attention_heads=-1)
