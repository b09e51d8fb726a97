"""The families that come along keep the contract, and the battery notices one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.data import DatasetSpec, load_dataset
from benchmark.families.checks import FamilyError, check_family
from benchmark.families.contract import Family
from benchmark.families.marginals import Marginals
from benchmark.families.marginals.model import LEVELS, MarginalLedger, MarginalModel, marginal_bits
from benchmark.families.pc_vq2 import PCVQ2Family

SMALL = {"hidden": 8, "residual_hidden": 4, "codes": 8, "code_dim": 4}


class SmallPCVQ2(PCVQ2Family):
    """PC-VQ2 with a model that trains in a second."""

    def preset(self, name: str, *, size: int, channels: int) -> Any:
        from pcvq2.config import override

        config = super().preset(name, size=size, channels=channels)
        config = override(config, "vqvae", SMALL)
        return override(config, "prior", {"channels": 8, "layers": 2, "context_layers": 1})


@pytest.mark.parametrize(
    ("family", "channels"), [(SmallPCVQ2(), (3,)), (Marginals(), (1, 3))], ids=["pc-vq2", "marginals"]
)
def test_a_family_that_comes_along_passes_the_battery(family: Family, channels: tuple[int, ...]) -> None:
    check_family(family, channels=channels)


class _Unbalanced(MarginalModel):
    def bits_per_dim(self, images: torch.Tensor) -> Any:
        total = super().bits_per_dim(images).total
        return _Ledger(total)


class _Ledger(MarginalLedger):
    @property
    def terms(self) -> dict[str, torch.Tensor]:
        return {"pixels": self.total * 0.9}


class _Generous(MarginalModel):
    def bits_per_dim(self, images: torch.Tensor) -> MarginalLedger:
        return MarginalLedger(super().bits_per_dim(images).total - 0.01)


class _Careless(MarginalModel):
    def sample(self, n: int, **settings: Any) -> torch.Tensor:
        torch.rand(1)
        return super().sample(n, **settings)


class _Peeking(MarginalModel):
    def fit(self, images: Any, feed: Any = None, session: Any = None, **splits: Any) -> Any:
        heldout = splits.get("heldout")
        both = images if heldout is None else torch.cat([images, heldout])
        return super().fit(both, feed, session, **splits)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (_Unbalanced, "the terms of the ledger add up to its total"),
        (_Generous, "probabilities of all images of one pixel sum to at most 1"),
        (_Careless, "global generators are left alone"),
        (_Peeking, "held-out images decide nothing"),
    ],
)
def test_the_battery_names_the_rule_that_a_family_breaks(model: type[MarginalModel], rule: str) -> None:
    class Broken(Marginals):
        def build(self, config: Any, *, seed: int, device: str) -> MarginalModel:
            return model(config, seed=seed, device=device)

        def load(self, folder: Path, *, device: str = "cpu") -> MarginalModel:
            return model.load(folder, device=device)

    with pytest.raises(FamilyError, match=rule):
        check_family(Broken(), channels=(1,))


def _digits(size: int, budget: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    spec = DatasetSpec(name="digits", source="digits", size=size, heldout=200)
    dataset = load_dataset(spec)

    def tensor(images: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C"))

    return tensor(dataset.train[:budget]), tensor(dataset.heldout)


def test_marginals_are_what_counting_by_hand_gives() -> None:
    generator = torch.Generator().manual_seed(1)
    train = torch.randint(0, 256, (5, 3, 2, 2), generator=generator, dtype=torch.uint8)
    model = MarginalModel(Marginals().preset("counts", size=2, channels=3))
    model.fit(train)
    table = model.log_probabilities().exp().view(3, 4, LEVELS)
    pixels = train.flatten(2)
    found = None
    for weight in (2.0**k for k in range(-6, 11)):  # the model says which of them it took
        by_hand = torch.zeros(3, 4, LEVELS, dtype=torch.float64)
        for channel in range(3):
            pooled = torch.ones(LEVELS, dtype=torch.float64)
            for level in pixels[:, channel].flatten().tolist():
                pooled[level] += 1
            pooled /= pooled.sum()
            for place in range(4):
                for level in range(LEVELS):
                    times = int((pixels[:, channel, place] == level).sum())
                    by_hand[channel, place, level] = (times + weight * pooled[level]) / (5 + weight)
        if torch.allclose(by_hand, table, atol=1e-12):
            found = weight
    assert found is not None


def test_marginals_are_normalised_at_every_pixel() -> None:
    train, _ = _digits(8)
    model = MarginalModel(Marginals().preset("counts", size=8, channels=1))
    model.fit(train)
    sums = model.log_probabilities().exp().sum(1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-12)


def test_counting_in_slices_gives_the_bits_of_the_model() -> None:
    train, heldout = _digits(8)
    model = MarginalModel(Marginals().preset("counts", size=8, channels=1))
    model.fit(train)
    whole = float(model.bits_per_dim(heldout).total.mean())
    assert marginal_bits(train, heldout) == pytest.approx(whole, abs=1e-12)
    assert marginal_bits(train, heldout, places=7) == pytest.approx(whole, abs=1e-12)


def test_sixty_digits_cost_what_the_reference_line_says() -> None:
    train, heldout = _digits(8)
    assert marginal_bits(train, heldout) == pytest.approx(2.62, abs=0.1)
