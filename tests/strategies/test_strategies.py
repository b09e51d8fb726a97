"""Every strategy passes the battery; each built-in does what its name says."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pytest
import torch

from strategies import AugmentationSpace, Choice, Likelihoods, StepContext, Strategy, Uniform, View
from strategies.adaptive import Adaptive
from strategies.annealed import Annealed
from strategies.checks import StrategyError, check_strategy
from strategies.conditional import Conditional
from strategies.constant import Constant
from strategies.contract.answers import probability_of, strengths_of
from strategies.contract.declared import tunable_of
from strategies.contract.registry import find_strategy, known_strategies, name_of
from strategies.contract.tunable import Tunable, Value
from strategies.increasing import Increasing
from strategies.matched import Matched
from strategies.none import NoAugmentation
from strategies.phased import Phased

SPACE = AugmentationSpace({"rotation": 30.0, "shift": 0.15, "scale": 0.2, "x_flip": 0.5})


def context(step: int = 0, stage: str = "prior") -> StepContext:
    return StepContext(stage, step, 100, seed=step, space=SPACE)


@pytest.mark.parametrize("name", sorted(known_strategies()))
def test_every_registered_strategy_passes_the_battery(name: str) -> None:
    check_strategy(find_strategy(name))


def test_the_four_built_ins_are_known_by_name() -> None:
    assert {"none", "constant", "phased", "adaptive"} <= set(known_strategies())
    assert all(name_of(strategy) == name for name, strategy in known_strategies().items())


def test_none_returns_the_very_same_images_at_every_step() -> None:
    images = torch.rand(6, 3, 16, 16)
    before = images.clone()
    for step in range(0, 100, 9):
        assert NoAugmentation().augment(images, context(step)).images is images
    assert torch.equal(images, before)


def test_constant_never_changes_strength() -> None:
    strategy = Constant(strength=0.4, probability=0.3)
    assert {strategy.strength(i / 10) for i in range(11)} == {0.4}
    assert {strategy.probability(i / 10) for i in range(11)} == {0.3}


def test_phased_narrows_and_ends_clean() -> None:
    strengths = [Phased().strength(i / 100) for i in range(101)]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] == 1.0
    images = torch.rand(4, 1, 8, 8)
    assert Phased().augment(images, context(75)).images is images
    assert Phased().augment(images, context(74)).images is not images


def test_phased_boundaries_open_the_next_phase() -> None:
    strategy = Phased(strengths=[1, 0.5, 0], boundaries=[0.5, 0.9])
    assert [strategy.strength(p) for p in (0, 0.499, 0.5, 0.899, 0.9, 1)] == [1, 1, 0.5, 0.5, 0, 0]


def test_phased_ranges_are_in_the_units_of_the_space() -> None:
    strategy = Phased(strengths=[1, 0], ranges={"rotation": [15, 6], "x_flip": [0.5, 0]})
    assert strategy.operation_strengths(0.0, SPACE) == {"rotation": 0.5, "shift": 1, "scale": 1, "x_flip": 1}
    assert strategy.operation_strengths(0.9, SPACE) == {"rotation": 0.2, "shift": 0, "scale": 0, "x_flip": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strengths": [1, 2]}, "strengths must be"),
        ({"strengths": []}, "strengths must be"),
        ({"boundaries": [0.5, 0.4, 0.9]}, "rising"),
        ({"boundaries": [0.5]}, "3 rising numbers"),
        ({"ranges": {"rotation": [1, 2]}}, "one per phase"),
    ],
)
def test_phased_refuses(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Phased(**arguments)  # type: ignore[arg-type]


def test_phased_refuses_ranges_wider_than_the_space() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 30\]"):
        Phased(strengths=[1, 0], ranges={"rotation": [45, 0]}).operation_strengths(0, SPACE)


def watch(strategy: Adaptive, gap: float, until: float = 0.6, learned: float = 1.0) -> float:
    """Feed a constant gap up to a progress and return the strength there."""
    for i in range(1, round(until * 40) + 1):
        strategy.observe(Likelihoods(i / 40, 1.0, 1.0 + gap * learned, 1.0 + learned))
    return strategy.strength(until)


def test_adaptive_moves_towards_its_target_in_bounded_steps() -> None:
    assert watch(Adaptive(initial=0.2), gap=0.9) == 1.0
    assert watch(Adaptive(initial=0.8), gap=0.0) == 0.0
    strategy = Adaptive(initial=0.5, ramp=0.25)
    strategy.observe(Likelihoods(0.05, 1.0, 1.9, 2.0))
    assert strategy.strength(0.05) == pytest.approx(0.5 + 0.05 / 0.25)


def test_adaptive_ignores_the_gap_until_the_prior_beats_the_unigram() -> None:
    strategy = Adaptive(initial=0.5)
    assert watch(strategy, gap=600.0, learned=0.05) == 0.5  # 1.05 nats are the unigram's
    assert all(row["gap"] is None for row in strategy.trace)


def test_adaptive_clamps_the_gap_and_records_its_trace() -> None:
    strategy = Adaptive()
    watch(strategy, gap=1.35)
    assert {row["gap"] for row in strategy.trace} == {1.0}
    assert all(0 <= row["level"] <= 1 for row in strategy.trace)


def test_adaptive_finishes_clean() -> None:
    strategy = Adaptive(initial=1.0, finish_clean=0.3)
    assert strategy.strength(0.7) == pytest.approx(1)
    assert strategy.strength(0.775) == pytest.approx(0.5)
    assert [strategy.strength(p) for p in (0.86, 0.95, 1.0)] == [0, 0, 0]


def test_adaptive_goes_on_where_it_was_saved() -> None:
    first, second = Adaptive(), Adaptive()
    watch(first, gap=0.9, until=0.2)
    second.load_state_dict(first.state_dict())
    likelihoods = Likelihoods(0.25, 1.0, 1.0, 2.0)
    first.observe(likelihoods)
    second.observe(likelihoods)
    assert first.state_dict() == second.state_dict()


def means(strategy: Strategy, points: int = 2000) -> dict[str, float]:
    at = [strategy.operation_strengths((i + 0.5) / points, SPACE) for i in range(points)]
    return {name: sum(a[name] for a in at) / points for name in SPACE.ranges}


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_annealed_falls_to_a_clean_end_and_increasing_is_its_mirror(shape: str) -> None:
    falling, rising = Annealed(shape), Increasing(shape)
    strengths = [falling.strength(i / 200) for i in range(201)]
    assert strengths == sorted(strengths, reverse=True)
    assert (strengths[0], strengths[150], strengths[200]) == (1.0, pytest.approx(0), 0.0)
    assert strengths == pytest.approx([rising.strength(1 - i / 200) for i in range(201)])


def test_matched_has_the_other_strategys_mean_at_every_step() -> None:
    other = {"strengths": [1, 0.4, 0], "ranges": {"rotation": [30, 6, 3]}}
    matched, phased = Matched("phased", other), Phased(**other)  # type: ignore[arg-type]
    expected = means(phased)
    assert expected["rotation"] != expected["shift"]
    for progress in (0, 0.3, 1):
        assert matched.operation_strengths(progress, SPACE) == pytest.approx(expected, abs=1e-3)
    assert Matched("constant", {"probability": 0.3}).probability(0.5) == pytest.approx(0.3)
    assert Matched(mean=0.37).operation_strengths(0.9, SPACE) == dict.fromkeys(SPACE.ranges, 0.37)


def test_conditional_tells_what_it_did_and_leaves_its_share_clean() -> None:
    images = torch.rand(2000, 1, 8, 8)
    view = Conditional(clean=0.3).augment(images, context(3))
    assert view.condition is not None
    clean = (view.condition == 0).all(1)
    assert clean.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(view.images[clean], images[clean])
    plain = SPACE.draw_with_parameters(images, dict.fromkeys(SPACE.ranges, 1.0), seed=3)
    assert torch.equal(view.images[~clean], plain.images[~clean])
    assert torch.equal(view.condition[~clean], plain.parameters[~clean])
    nothing = Conditional(strength=0.0).augment(images, context(3))
    assert nothing.images is images
    assert nothing.condition is not None
    assert not nothing.condition.any()


class Cosine(Strategy):
    """Strength falls along half a cosine from 1 to 0."""

    def strength(self, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress))


def test_the_smallest_plugin_passes_the_battery() -> None:
    check_strategy(Cosine)
    assert name_of(Cosine) == "cosine"


class NearlyPlain(Cosine):
    """Answers in NumPy's and torch's numbers, as code that computes with them does."""

    validation_share = np.float32(0.2)  # type: ignore[assignment]
    seen: object = 0.0

    def strength(self, progress: float) -> float:
        return torch.tensor(1 - progress)  # type: ignore[return-value]

    def probability(self, progress: float) -> float:
        return np.float64(0.5) if progress < 0.5 else True

    def observe(self, likelihoods: Likelihoods) -> None:
        self.seen = (torch.tensor(likelihoods.progress), np.int64(2))

    def state_dict(self) -> dict[str, object]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, object]) -> None:
        self.seen = state["seen"]


def test_numbers_of_numpy_and_torch_are_taken_as_plain_ones() -> None:
    check_strategy(NearlyPlain)
    strategy = NearlyPlain()
    found = strengths_of(strategy, 0.5, SPACE)
    assert found == dict.fromkeys(SPACE.ranges, 0.5)
    assert {type(value) for value in found.values()} == {float}
    assert type(probability_of(strategy, 0.9)) is float


class TooStrong(Cosine):
    def strength(self, progress: float) -> float:
        return 1.5


class Mutating(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images.mul_(0.5))


class Unseeded(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images * torch.rand(()))


class NumpyDraws(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images * float(np.random.rand()))


class PythonDraws(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images * random.random())


class Doubles(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images.double())


class Bare(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return images  # type: ignore[return-value]


class Mute(Conditional):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        view = super().augment(images, context)
        return View(view.images, torch.zeros_like(view.condition))  # type: ignore[arg-type]


class Labels(Conditional):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(super().augment(images, context).images, torch.ones(len(images), dtype=torch.int64))


class Untold(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images, torch.zeros(len(images), 2))


class ToldNan(Conditional):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        view = super().augment(images, context)
        assert view.condition is not None
        return View(view.images, view.condition * torch.nan)


class ToldWords(Conditional):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images, ["flipped"] * len(images))  # type: ignore[arg-type]


class SaysNothing(Conditional):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(super().augment(images, context).images)


class Elsewhere(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images.to("meta"))


class Learning(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images * torch.ones(1, requires_grad=True))


class Nan(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images * torch.nan)


class Bytes(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View((images * 255).to(torch.uint8))


class Crashing(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        raise KeyError("no")


class Observing(Cosine):
    """Divides by what was learned, which is nothing at the beginning."""

    gap: object = 0.0

    def observe(self, likelihoods: Likelihoods) -> None:
        learned = likelihoods.rate_unigram - likelihoods.rate_train
        self.gap = (likelihoods.rate_validation - likelihoods.rate_train) / learned

    def state_dict(self) -> dict[str, object]:
        return {"gap": self.gap}

    def load_state_dict(self, state: dict[str, object]) -> None:
        self.gap = state["gap"]


class NanState(Observing):
    def observe(self, likelihoods: Likelihoods) -> None:
        self.gap = math.nan


class TensorState(Observing):
    def observe(self, likelihoods: Likelihoods) -> None:
        self.gap = torch.ones(3)


class Drifting(Observing):
    """Leaves [0, 1] where the prior is better on what it has not seen."""

    def observe(self, likelihoods: Likelihoods) -> None:
        self.gap = likelihoods.rate_validation - likelihoods.rate_train

    def strength(self, progress: float) -> float:
        return float(self.gap)  # type: ignore[arg-type]


class NanStrength(Cosine):
    def strength(self, progress: float) -> float:
        return math.nan


class WordStrength(Cosine):
    def strength(self, progress: float) -> float:
        return "0.5"  # type: ignore[return-value]


class ManyStrengths(Cosine):
    def strength(self, progress: float) -> float:
        return torch.ones(4) * progress  # type: ignore[return-value]


class Misspelt(Cosine):
    def operation_strengths(self, progress: float, space: AugmentationSpace) -> dict[str, float]:
        return {"rotate": 0.5}


class TunedToTensors(Constant):
    @classmethod
    def from_tuned(cls, values: object) -> dict[str, object]:
        return {"strength": torch.ones(2)}


class Shrinking(Cosine):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images[:, :, ::2])


class Forgetful(Adaptive):
    def load_state_dict(self, state: dict[str, object]) -> None:
        pass


class HiddenFlip(NoAugmentation):
    def augment(self, images: torch.Tensor, context: StepContext) -> View:
        return View(images.flip(3))


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (TooStrong, "strength lies in"),
        (Mutating, "input untouched"),
        (Unseeded, "global generator"),
        (NumpyDraws, "global generator"),
        (PythonDraws, "global generator"),
        (Doubles, "float32"),
        (Bare, "returns a View, not Tensor"),
        (Mute, "condition 0 means the identity"),
        (Labels, "condition is finite float32"),
        (Shrinking, "keep the shape"),
        (Forgetful, "load_state_dict restores"),
        (Untold, "a strategy that tells one names its size"),
        (ToldNan, "condition is finite float32 .* got nan or infinity"),
        (ToldWords, r"condition is finite float32 .* got \['flipped'"),
        (SaysNothing, "condition 0 means the identity"),
        (Elsewhere, "images' device cpu, got meta"),
        (Learning, "carry no gradient"),
        (Nan, r"views stay in \[0, 1\], these go from nan"),
        (Bytes, r"float32 in \[0, 1\], got torch.uint8"),
        (Crashing, "augment is answered; it raises KeyError: 'no'"),
        (Observing, "observe.* is answered; it raises ZeroDivisionError"),
        (NanState, r"state_dict is plain JSON .*\['gap'\] must be a finite number, got nan"),
        (TensorState, r"state_dict is plain JSON .*\['gap'\] is tensor"),
        (Drifting, "strength lies in .* got -0.1"),
        (NanStrength, r"strength lies in \[0, 1\]; at progress 0: .* got nan"),
        (WordStrength, r"got '0.5' \(str\)"),
        (ManyStrengths, r"got tensor\(\[0., 0., 0., 0.\]\) \(Tensor\)"),
        (Misspelt, "names operations of the space .*, not 'rotate'"),
        (TunedToTensors, r"from_tuned\(\)\['strength'\] is tensor"),
        (HiddenFlip, "identity"),
    ],
)
def test_the_battery_catches(broken: type[Strategy], rule: str) -> None:
    with pytest.raises(StrategyError, match=rule):
        check_strategy(broken)


def test_every_schedule_says_what_may_be_tuned_two_numbers_each() -> None:
    tunable = {name: set(tunable_of(strategy)) for name, strategy in known_strategies().items()}
    assert {name for name, names in tunable.items() if not names} == {"none", "matched"}
    assert all(len(names) in (0, 2) for names in tunable.values()), "the same freedom for all"


def test_phased_is_tuned_by_its_first_strength_and_its_clean_share() -> None:
    tuned = Phased(**Phased.from_tuned({"first": 0.6, "clean": 0.4}))
    assert [tuned.strength(p) for p in (0.0, 0.3, 0.5, 0.7)] == [0.6, 0.4, 0.2, 0.0]
    assert tuned.strength(0.59) > 0 == tuned.strength(0.6)


def test_a_declaration_ends_where_another_constructor_begins() -> None:
    class Narrower(Conditional):
        def __init__(self, clean: float = 0.25) -> None:
            super().__init__(clean=clean)

    assert tunable_of(Narrower) == {}
    assert tunable_of(type("Renamed", (Conditional,), {})) == Conditional.tunable
    check_strategy(Narrower)


class Misnamed(Constant):
    tunable: ClassVar[Tunable] = {"power": Uniform(0.1, 0.9, start=0.5)}


class Startless(Constant):
    tunable: ClassVar[Tunable] = {"power": Uniform(0.1, 0.9)}


class OutOfReach(Constant):
    tunable: ClassVar[Tunable] = {"strength": Uniform(0.1, 2.0)}


class StartsOutside(Constant):
    tunable: ClassVar[Tunable] = {"strength": Uniform(0.1, 0.5)}


class Divides(Constant):
    tunable: ClassVar[Tunable] = {"power": Uniform(0.0, 0.9, start=0.5)}

    @classmethod
    def from_tuned(cls, values: Mapping[str, Value]) -> dict[str, object]:
        return {"strength": 1 / float(values["power"])}


class StartsElsewhere(Constant):
    tunable: ClassVar[Tunable] = {"strength": Choice((0.25, 0.5), start=0.5)}


class TellsMore(Conditional):
    tunable: ClassVar[Tunable] = {"clean": Uniform(0.0, 0.5)}

    def condition_size(self, space: AugmentationSpace) -> int:
        return 3 + (self._clean > 0.4)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (Misnamed, "constructor parameters; unknown: power"),
        (Startless, "power has no `start`"),
        (OutOfReach, "ends are accepted; .*2.0.*must lie in"),
        (StartsOutside, r"strength starts in its range \(0.1 to 0.5\), not at 1.0"),
        (StartsElsewhere, "starts give the schedule of the defaults"),
        (Divides, "what `from_tuned` takes: ZeroDivisionError"),
        (TellsMore, "leaves condition_size as it is"),
    ],
)
def test_the_battery_catches_a_bad_declaration(broken: type[Strategy], rule: str) -> None:
    with pytest.raises(StrategyError, match=rule):
        check_strategy(broken)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(1.0, 1.0),
        lambda: Uniform(0.0, 1.0, log=True),
        lambda: Choice((1.0, 1.0)),
        lambda: Uniform(0.0, math.inf),
        lambda: Uniform(0.0, math.nan),
        lambda: Uniform("0", 1.0),  # type: ignore[arg-type]
        lambda: Uniform(0.0, 1.0, start=math.nan),
        lambda: Choice((0.5, math.nan)),
        lambda: Choice(([1.0], [0.5])),  # type: ignore[arg-type]
    ],
)
def test_an_empty_range_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must|needs|a choice is of"):
        make()


def test_ends_of_numpy_and_torch_are_taken_as_plain_ones() -> None:
    domain = Uniform(np.float64(0.1), torch.tensor(0.5))  # type: ignore[arg-type]
    assert (type(domain.low), type(domain.high)) == (float, float)
    assert Choice((np.int64(1), np.float32(0.5))).ends == (1, 0.5)  # type: ignore[arg-type]
