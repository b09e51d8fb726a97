"""A search with everything resolved: what is tuned, and which trial a setting is (no torch, no Ray)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.tasks.registry import task_of
from pcvq2.trainer.randomness import derive_seed
from pcvq2.trainer.settings import override
from strategies.contract.answers import plain
from strategies.contract.tunable import Tunable, Uniform, Value

if TYPE_CHECKING:
    from benchmark.families.contract import Family
    from benchmark.planning.trial import Trial

DROPOUT = "dropout"  # of a part of the model: what the rival that does not augment turns
Setting = Mapping[str, Value]  # a value for each name that is tuned


@dataclass(frozen=True)
class Tuning:
    """A search with everything resolved.

    entry: the suite's own, without what is tuned. template: the trial at the starts, with the first seed.
    at_once: how many settings are tried before the sampler hears of any of them.
    """

    suite: str
    entry: dict[str, Any]
    template: Trial
    tunable: Tunable
    starts: dict[str, Value]
    seeds: tuple[int, ...]
    trials: int
    at_once: int

    @property
    def label(self) -> str:
        """Return the strategy's name in the suite."""
        return self.template.strategy.label

    @property
    def score(self) -> str:
        """Return the key of a record that the search looks at, and nothing else."""
        return task_of(self.template.family).validation_score

    @property
    def unit(self) -> str:
        """Return the unit of that score."""
        return task_of(self.template.family).headline.unit

    @property
    def sampler_seed(self) -> int:
        """Return the seed of the sampler's draws."""
        named = (self.template.fingerprint, self.template.budget, self.label, "tuning")
        return derive_seed(*named) % 2**31

    def changes(self, values: Setting) -> dict[str, Any]:
        """Return what values change in the suite's entry; nothing at the starts."""
        if dict(values) == self.starts:
            return {}
        name = dropout_name(self.template.family)
        if set(values) == {name}:
            return {"model": {self.template.family.dropout: {DROPOUT: values[name]}}}
        return self.template.strategy.code.load().from_tuned(values)

    def trial(self, values: Setting, seed: int) -> Trial:
        """Return the trial of values."""
        return changed(self.template, self.changes(values), seed)

    def rounded(self, values: Setting) -> dict[str, Value]:
        """Return values to three digits: nobody pastes 17 of them into a suite."""
        return {name: _rounded(value, self.tunable[name]) for name, value in values.items()}


def changed(template: Trial, changes: Mapping[str, Any], seed: int) -> Trial:
    """Return a trial with other parameters or another dropout, and another seed."""
    own = {name: value for name, value in changes.items() if name != "model"}
    parameters = plain(template.strategy.parameters | own, "parameters")
    model: Any = template.model
    for part, fields in changes.get("model", {}).items():
        model = override(model, part, fields)
    return dataclasses.replace(
        template,
        seed=seed,
        strategy=dataclasses.replace(template.strategy, parameters=parameters),
        model=model,
    )


def dropout_name(family: Family) -> str:
    """Name the dropout of a family's model as it is searched; "" where it has none."""
    return f"model.{family.dropout}.{DROPOUT}" if family.dropout else ""


def _rounded(value: Value, domain: object) -> Value:
    if not isinstance(domain, Uniform) or not isinstance(value, float):
        return value
    return min(domain.high, max(domain.low, float(f"{value:.3g}")))
