"""A search with everything resolved: what is tuned, and which trial a setting is (no torch, no Ray)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pcvq2.config import override
from pcvq2.trainer.randomness import derive_seed
from strategies.contract.answers import plain
from strategies.contract.tunable import Tunable, Uniform, Value

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial

SCORE = "bpd_validation"  # all that the search looks at
DROPOUT = "model.prior.dropout"  # of the rival that does not augment
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
    def sampler_seed(self) -> int:
        """Return the seed of the sampler's draws."""
        named = (self.template.fingerprint, self.template.budget, self.label, "tuning")
        return derive_seed(*named) % 2**31

    def changes(self, values: Setting) -> dict[str, Any]:
        """Return what values change in the suite's entry; nothing at the starts."""
        if dict(values) == self.starts:
            return {}
        if set(values) == {DROPOUT}:
            return {"model": {"prior": {"dropout": values[DROPOUT]}}}
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
    return dataclasses.replace(
        template,
        seed=seed,
        strategy=dataclasses.replace(template.strategy, parameters=parameters),
        model=override(template.model, "prior", changes.get("model", {}).get("prior", {})),
    )


def _rounded(value: Value, domain: object) -> Value:
    if not isinstance(domain, Uniform) or not isinstance(value, float):
        return value
    return min(domain.high, max(domain.low, float(f"{value:.3g}")))
