"""PCVQ2 as a library: two levels that depend on each other, and runs that are functions of their seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pcvq2 import (
    PCVQ2,
    Feed,
    NonFiniteLoss,
    PCVQ2Config,
    PriorConfig,
    Session,
    StageConfig,
    VQVAE2Config,
    preset,
)
from pcvq2.trainer.batches import Batches

CONFIG = PCVQ2Config(
    size=16,
    channels=1,
    vqvae=VQVAE2Config(hidden=8, residual_hidden=4, downsample=(2, 2), codes=8, code_dim=4),
    prior=PriorConfig(channels=8, layers=2, context_layers=1),
    codes_stage=StageConfig(steps=8, batch=8, learning_rate=2e-3),
    prior_stage=StageConfig(steps=8, batch=8, learning_rate=2e-3, evaluations=4, observations=4),
)


def images(count: int = 20, channels: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 16, 16), generator=generator).to(torch.uint8)


def weights(model: PCVQ2) -> dict[str, torch.Tensor]:
    return {**model.vqvae.state_dict(), **{f"prior.{k}": v for k, v in model.prior.state_dict().items()}}


def assert_same_weights(one: PCVQ2, other: PCVQ2) -> None:
    for (name, a), b in zip(weights(one).items(), weights(other).values(), strict=True):
        assert torch.equal(a, b), name


def fitted(config: PCVQ2Config = CONFIG, **arguments: object) -> PCVQ2:
    model = PCVQ2(config, seed=3)
    model.fit(images(channels=config.channels), **arguments)  # type: ignore[arg-type]
    return model


def test_same_seed_same_weights_whatever_the_global_generator_held() -> None:
    torch.manual_seed(1)
    one = fitted()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    other = fitted()
    assert torch.equal(state, torch.get_rng_state())
    assert_same_weights(one, other)
    assert torch.equal(one.sample(5, seed=7), other.sample(5, seed=7))
    assert not torch.equal(one.sample(5, seed=7), one.sample(5, seed=8))


@pytest.mark.parametrize(("channels", "downsample"), [(1, (2, 2)), (3, (4, 2)), (3, (2, 2, 2))])
def test_shapes_for_grey_and_colour_and_more_levels(channels: int, downsample: tuple[int, ...]) -> None:
    config = replace(CONFIG, channels=channels, vqvae=replace(CONFIG.vqvae, downsample=downsample))
    model = fitted(config)
    codes = model.encode(images(channels=channels))
    assert [c.shape[1] for c in codes] == list(config.vqvae.map_sizes(16))
    assert model.sample(3).shape == (3, channels, 16, 16)
    assert model.reconstruct(images(5, channels)).dtype == torch.uint8
    assert set(model.bits_per_dim(images(5, channels)).rates) == set(config.vqvae.levels)


def test_top_is_read_first_bottom_depends_on_it_and_the_decoder_sees_both() -> None:
    model = fitted(replace(CONFIG, codes_stage=replace(CONFIG.codes_stage, steps=30)))
    vqvae, x = model.vqvae, images(16).float() / 255
    top, bottom = vqvae.encode(x)
    other_top = (top + 1) % 8
    assert not torch.equal(vqvae.decode([top, bottom]).mean, vqvae.decode([other_top, bottom]).mean)
    assert not torch.equal(vqvae.decode([top, bottom]).mean, vqvae.decode([top, (bottom + 1) % 8]).mean)
    vqvae.quantizers[0].codebook.mul_(-1)  # another top codebook leads to other bottom codes
    assert not torch.equal(vqvae.encode(x)[1], bottom)


def test_bottom_prior_depends_on_top_codes_and_top_prior_not_on_bottom() -> None:
    prior = fitted().prior
    top, bottom = torch.zeros(1, 4, 4, dtype=torch.int64), torch.zeros(1, 8, 8, dtype=torch.int64)
    base = prior.nats([top, bottom])
    assert prior.nats([top + 1, bottom])[1] != base[1]
    assert prior.nats([top, bottom + 1])[0] == base[0]


def test_save_and_load_give_the_same_model(tmp_path: Path) -> None:
    model = fitted()
    model.save(tmp_path)
    loaded = PCVQ2.load(tmp_path)
    assert_same_weights(model, loaded)
    assert loaded.config == model.config
    assert torch.equal(loaded.sample(4, seed=1), model.sample(4, seed=1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def test_a_shared_auto_encoder_is_trained_once_and_changes_nothing(tmp_path: Path) -> None:
    alone, first, second = fitted(), PCVQ2(CONFIG, seed=3), PCVQ2(CONFIG, seed=3)
    assert not first.fit(images(), session=Session(shared=tmp_path)).stages["codes"].shared
    assert second.fit(images(), session=Session(shared=tmp_path)).stages["codes"].shared
    assert_same_weights(alone, first)
    assert_same_weights(first, second)
    assert not PCVQ2(CONFIG, seed=4).fit(images(), session=Session(shared=tmp_path)).stages["codes"].shared
    assert (
        not PCVQ2(CONFIG, seed=3).fit(images(seed=1), session=Session(shared=tmp_path)).stages["codes"].shared
    )


def test_validation_images_teach_the_auto_encoder_but_not_the_prior(tmp_path: Path) -> None:
    both = images()
    with_all, without = PCVQ2(CONFIG, seed=3), PCVQ2(CONFIG, seed=3)
    with_all.fit(both, session=Session(shared=tmp_path))
    log = without.fit(both[:15], validation=both[15:], session=Session(shared=tmp_path))
    assert log.stages["codes"].shared
    assert all(row["validation"] is not None for row in log.curve)
    assert not torch.equal(with_all.prior.networks[1].output.weight, without.prior.networks[1].output.weight)


def test_an_identity_view_trains_exactly_like_no_augmentation() -> None:
    seen = []

    def identity(x: torch.Tensor, *, stage: str, step: int, steps: int) -> tuple[torch.Tensor, None]:
        seen.append((stage, step))
        return x, None

    assert_same_weights(fitted(), fitted(feed=Feed(identity)))
    assert seen == [("codes", k) for k in range(8)] + [("prior", k) for k in range(8)]


def test_a_copied_view_is_encoded_again_to_the_same_codes() -> None:
    def copied(x: torch.Tensor, *, stage: str, step: int, steps: int) -> tuple[torch.Tensor, None]:
        return x.clone(), None

    assert_same_weights(fitted(), fitted(feed=Feed(copied)))


def test_heldout_images_decide_nothing() -> None:
    assert_same_weights(fitted(), fitted(heldout=images(seed=9)))


def test_best_validation_keeps_the_best_of_the_observed_steps() -> None:
    config = replace(CONFIG, selection="best_validation")
    model, x = PCVQ2(config, seed=3), images(24)
    log = model.fit(x[:16], validation=x[16:])
    rates = {row["step"]: row["validation"] for row in log.curve}
    assert rates[log.selected_step] == min(rates.values())
    got = model.bits_per_dim(x[16:]).rate.mean().item() * 256
    assert got == pytest.approx(rates[log.selected_step] / 0.6931472, rel=1e-4)
    with pytest.raises(ValueError, match="needs validation images"):
        PCVQ2(config).fit(x)


def test_conditions_reach_prior_and_decoder_and_sampling_uses_the_identity() -> None:
    parts = {name: replace(getattr(CONFIG, name), conditions=1) for name in ("prior", "vqvae")}
    config = replace(CONFIG, **parts)

    def inverted(x: torch.Tensor, *, stage: str, step: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        odd = torch.arange(len(x)) % 2
        return torch.where(odd[:, None, None, None] == 1, 1 - x, x), odd[:, None].float()

    model = fitted(config, feed=Feed(inverted))
    codes = model.encode(images(4))
    zero, one = (torch.full((4, 1), float(told)) for told in (0, 1))
    assert not torch.equal(model.prior.nats(codes, zero)[0], model.prior.nats(codes, one)[0])
    assert model.vqvae.condition_projection is not None
    assert model.vqvae.condition_projection.weight.abs().max() > 0  # learned
    assert model.sample(2).shape == (2, 1, 16, 16)


def test_micro_batches_do_the_same_step_in_less_memory() -> None:
    """Without dropout the gradients are sums of the same terms."""
    prior = replace(CONFIG.prior, dropout=0.0)
    whole, pieces = (
        fitted(replace(CONFIG, prior=prior, prior_stage=replace(CONFIG.prior_stage, steps=3, micro_batch=m)))
        for m in (None, 3)
    )
    for (name, a), b in zip(
        whole.prior.state_dict().items(), pieces.prior.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)
    with pytest.raises(ValueError, match="micro_batch is for the stage prior"):
        replace(CONFIG, codes_stage=replace(CONFIG.codes_stage, micro_batch=2))


def test_a_nan_says_in_which_stage_and_step() -> None:
    def poison(x: torch.Tensor, *, stage: str, step: int, steps: int) -> tuple[torch.Tensor, None]:
        return (x * float("nan") if (stage, step) == ("codes", 5) else x), None

    with pytest.raises(NonFiniteLoss, match=r"stage 'codes', step 5: loss nan"):
        fitted(feed=Feed(poison))


@pytest.mark.parametrize(
    "wrong",
    [images().float(), images()[:, :, :8], images(channels=3), images()[:0]],
    ids=["floats", "size", "colour", "empty"],
)
def test_images_of_another_kind_are_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="images must be uint8"):
        PCVQ2(CONFIG).fit(wrong)


def test_batches_visit_every_image_once_per_epoch_and_depend_on_the_step_only() -> None:
    batches = Batches(10, 4, seed=1)
    drawn = torch.cat([batches(step) for step in range(5)])
    assert sorted(drawn[:10].tolist()) == list(range(10)) == sorted(drawn[10:].tolist())
    assert torch.equal(Batches(10, 4, seed=1)(3), batches(3))
    assert len(Batches(3, 8, seed=1)(0)) == 8


def test_no_code_map_collapses_on_digits() -> None:
    """The codebooks of a short run on 300 real digits are used, on both levels, also by unseen digits."""
    from benchmark.data import DatasetSpec, load_dataset

    data = load_dataset(DatasetSpec("digits", "digits", size=16, heldout=200))
    pool, unseen = (torch.from_numpy(x).permute(0, 3, 1, 2) for x in (data.train[:300], data.heldout))
    config = preset("tiny", size=16, channels=1)
    config = replace(
        config,
        codes_stage=replace(config.codes_stage, steps=120),
        prior_stage=replace(CONFIG.prior_stage, steps=1),
    )
    model = PCVQ2(config)
    model.fit(pool)
    for codes in model.encode(unseen):
        share = torch.bincount(codes.flatten(), minlength=64).double() / codes.numel()
        assert torch.special.entr(share).sum().exp() > 20
