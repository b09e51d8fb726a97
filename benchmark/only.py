"""`--only strategy=phased,budget=100`: a part of a suite's trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmark.errors import UserError, unknown_name
from benchmark.plan import Trial

_KEYS: dict[str, Callable[[Trial], str]] = {
    "dataset": lambda trial: trial.dataset.name,
    "budget": lambda trial: str(trial.budget),
    "strategy": lambda trial: trial.strategy.label,
    "seed": lambda trial: str(trial.seed),
    "initialisation": lambda trial: str(trial.initialisation),
}


def only(trials: Sequence[Trial], wanted: Iterable[str]) -> list[Trial]:
    """Return the trials that have one of the named values under every named key. Raises UserError."""
    named: dict[str, set[str]] = {}
    for pair in (pair for text in wanted for pair in text.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not value:
            raise UserError(
                f"--only {pair}: not of the form key=value", "e.g. --only strategy=phased,budget=100"
            )
        if key not in _KEYS:
            raise UserError(*unknown_name("--only: key", key, _KEYS))
        values = {_KEYS[key](trial) for trial in trials}
        if value not in values:
            raise UserError(*unknown_name(f"--only: {key}", value, values))
        named.setdefault(key, set()).add(value)
    return [t for t in trials if all(_KEYS[key](t) in values for key, values in named.items())]
