"""One battery every family must pass, built in or third-party: `check_family(MyFamily())`."""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.families.contract import Family, Model, broken_declaration, stage_config, stage_names
from pcvq2.trainer.session import Feed, Session

_STEPS, _BATCH = 6, 8
_COUNT = 24  # images: 16 to learn from, 4 to validate on, 4 held out


class FamilyError(AssertionError):
    """A family broke a rule of the contract; the message names both."""


class _Stopped(Exception):
    """Stands for whatever ends a process between two steps."""


def check_family(family: Family, *, size: int = 16, channels: tuple[int, ...] = (1, 3)) -> None:
    """Run the battery on small models of a family. Raises FamilyError naming the rule broken.

    Declarations: names, parts, stages and a hashable configuration. Likelihood: terms add up to the total;
    where an image of one pixel can be described, probabilities of its 256 levels sum to at most one.
    Training: same seed, same model; an identity view is no view; held-out images decide nothing; stopped and
    resumed ends in the same bits; progress reaches the end of every stage in order. Samples: right shape and
    type, same seed same sample. Saved and loaded is the same model. The global generators of torch, NumPy and
    Python are left alone.
    """
    for count in channels:
        battery = _Battery(family, _shortened(family, family.presets[0], size, count))
        with _generators_untouched(family):
            battery.declared()
            battery.likelihood()
            battery.training()
            battery.resuming()
            battery.samples()
            battery.files()
    _check_normalised(family)


def check_quickly(family: Family, config: Any) -> None:
    """Run the cheap part of the battery on one configuration: two steps of every stage, then all it is asked.

    Raises FamilyError naming the rule broken, and whatever the family raises.
    """
    battery = _Battery(family, _with_steps(family, config, steps=2, batch=4))
    with _generators_untouched(family):
        battery.declared()
        battery.likelihood()
        battery.samples()


def _shortened(family: Family, preset: str, size: int, channels: int) -> Any:
    config: Any = family.preset(preset, size=size, channels=channels)
    return _with_steps(family, config, steps=_STEPS, batch=_BATCH)


def _with_steps(family: Family, config: Any, *, steps: int, batch: int) -> Any:
    for stage in stage_names(family):
        short = replace(stage_config(config, stage), steps=steps, batch=batch, evaluations=2, observations=2)
        config = replace(config, **{f"{stage}_stage": short})
    return config


def _pictures(config: Any) -> Tensor:
    """Return smooth random images: uint8 (24, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(_COUNT, config.channels, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(config.size, config.size), mode="bilinear")
    return (smooth * 255).round().to(torch.uint8)


@dataclass
class _Battery:
    family: Family
    config: Any

    def require(self, ok: bool, rule: str) -> None:
        if not ok:
            raise FamilyError(f"family {type(self.family).__name__} breaks the rule: {rule}")

    def fitted(self, feed: Feed | None = None, session: Session | None = None, **splits: Any) -> Model:
        images = _pictures(self.config)
        model = self.family.build(self.config, seed=3, device="cpu")
        splits = {"validation": images[16:20], "heldout": images[20:]} | splits
        model.fit(images[:16], feed, session, **splits)
        return model

    def bits(self, model: Model) -> Tensor:
        return model.bits_per_dim(_pictures(self.config)[16:]).total

    def declared(self) -> None:
        rule = broken_declaration(self.family)
        self.require(not rule, rule)
        whole = all(is_dataclass(getattr(self.config, part, None)) for part in self.family.parts)
        self.require(whole, "the configuration has a dataclass for each of its parts")
        self.require(isinstance(hash(self.config), int), "a configuration is a frozen dataclass")
        told = self.config.to_dict()
        self.require(json.loads(json.dumps(told)).keys() == told.keys(), "to_dict returns JSON values")
        for stage in stage_names(self.family):
            work = self.family.step_work(self.config, stage)
            self.require(work > 0, "the work of a step is above 0")

    def likelihood(self) -> None:
        ledger = self.fitted().bits_per_dim(_pictures(self.config)[16:])
        self.require(tuple(ledger.total.shape) == (8,), "bits_per_dim gives one number per image")
        self.require(bool(torch.isfinite(ledger.total).all()), "bits per dimension are finite")
        added = torch.stack([term.double() for term in ledger.terms.values()]).sum(0)
        close = torch.allclose(added, ledger.total.double(), atol=1e-5)
        self.require(close, "the terms of the ledger add up to its total")

    def training(self) -> None:
        whole = self.bits(self.fitted())
        self.require(torch.equal(whole, self.bits(self.fitted())), "the same seed trains the same model")
        other = self.fitted(heldout=_pictures(self.config)[20:].flip(0, 3))
        self.require(torch.equal(whole, self.bits(other)), "held-out images decide nothing")
        told: list[tuple[str, int, int]] = []
        log = self.family.build(self.config, seed=3, device="cpu").fit(
            _pictures(self.config)[:16],
            Feed(_identity, stages=tuple(stage_names(self.family))),
            Session(progress=lambda stage, step, of: told.append((stage, step, of))),
        )
        names = stage_names(self.family)
        self.require(list(log.stages) == names, f"the log of fit names the stages {', '.join(names)}")
        self.require(list(dict.fromkeys(s for s, _, _ in told)) == names, "progress names stages in order")
        ends = {stage: step == of for stage, step, of in told}
        self.require(all(ends.values()), "progress reaches the last step of every stage")
        seen = self.fitted(Feed(_identity))
        clean = self.fitted(Feed(stages=()))
        same = torch.allclose(self.bits(seen), self.bits(clean), atol=1e-4)
        self.require(same, "an identity view trains as no view does")

    def resuming(self) -> None:
        whole = self.bits(self.fitted(Feed(_inverted)))
        with tempfile.TemporaryDirectory() as folder:
            for stage in stage_names(self.family):
                for step in (2, 5):
                    stop = _stop_after(stage, step)
                    try:
                        self.fitted(Feed(_inverted), _session(folder, stop))
                    except _Stopped:
                        continue
                    raise FamilyError(
                        f"family {type(self.family).__name__} reports no step {step} of {stage}"
                    )
            last = self.fitted(Feed(_inverted), _session(folder, lambda *_: None))
        same = torch.equal(whole, self.bits(last))
        self.require(same, "stopped and resumed, training ends in the same bits")

    def samples(self) -> None:
        model = self.fitted()
        heard: list[int] = []
        drawn = model.sample(5, seed=1, progress=lambda done, of: heard.append(done))
        self.require(heard[-1:] == [5], "sample tells its progress, to the last image")
        shape = (5, self.config.channels, self.config.size, self.config.size)
        got = f"{drawn.dtype} {tuple(drawn.shape)}"
        self.require(
            drawn.dtype == torch.uint8 and tuple(drawn.shape) == shape,
            f"samples are uint8 {shape}, not {got}",
        )
        self.require(torch.equal(drawn, model.sample(5, seed=1)), "the same seed draws the same samples")
        self.require(not torch.equal(drawn, model.sample(5, seed=2)), "another seed draws other samples")
        rebuilt = model.reconstruct(_pictures(self.config)[:4])
        fits = rebuilt is None or (rebuilt.dtype == torch.uint8 and len(rebuilt) == 4)
        self.require(fits, "reconstructions are uint8 images, or None")

    def files(self) -> None:
        model = self.fitted()
        with tempfile.TemporaryDirectory() as folder:
            model.save(folder)
            self.require((Path(folder) / "model.json").is_file(), "save writes model.json")
            again = self.family.load(Path(folder))
        same = torch.equal(self.bits(model), self.bits(again))
        self.require(same, "a model that was saved and loaded is the same model")
        self.require(
            torch.equal(model.sample(3, seed=1), again.sample(3, seed=1)), "and draws the same samples"
        )


def _identity(images: Tensor, *, stage: str, step: int, steps: int) -> tuple[Tensor, None]:
    return images, None


def _inverted(images: Tensor, *, stage: str, step: int, steps: int) -> tuple[Tensor, None]:
    return 1 - images, None


def _session(folder: str, progress: Callable[[str, int, int], object]) -> Session:
    return Session(checkpoints=Path(folder), every_seconds=0.0, owner="check", progress=progress)  # type: ignore[arg-type]


def _stop_after(stage: str, step: int) -> Callable[[str, int, int], None]:
    def progress(at: str, done: int, steps: int) -> None:
        if (at, done) == (stage, step):
            raise _Stopped

    return progress


@contextmanager
def _generators_untouched(family: Family) -> Iterator[None]:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    yield
    same = torch.equal(before[0], torch.get_rng_state()) and random.getstate() == before[2]
    if not same or not np.array_equal(before[1], np.random.get_state()[1]):  # type: ignore[index]
        raise FamilyError(f"family {type(family).__name__} breaks the rule: global generators are left alone")


def _check_normalised(family: Family) -> None:
    """Add up the probabilities of all 256 images of one grey pixel, where the family can describe such."""
    try:
        config = _shortened(family, family.presets[0], 1, 1)
    except ValueError:
        return  # too small for its layers
    levels = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1)
    model = family.build(config, seed=0, device="cpu")
    model.fit(levels[40:200:20])
    total = float(torch.exp2(-model.bits_per_dim(levels).total.double()).sum())
    if not (total <= 1 + 1e-6 and math.isfinite(total)):
        rule = f"probabilities of all images of one pixel sum to at most 1, not {total:.6f}"
        raise FamilyError(f"family {type(family).__name__} breaks the rule: {rule}")
