"""`--only strategy=phased,budget=100`: a part of a suite's trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmark.errors import UserError, unknown_name
from benchmark.planning.trial import Trial

_KEYS: dict[str, Callable[[Trial], str]] = {
    "dataset": lambda trial: trial.dataset.name,
    "budget": lambda trial: str(trial.budget),
    "strategy": lambda trial: trial.strategy.label,
    "seed": lambda trial: str(trial.seed),
    "initialisation": lambda trial: str(trial.initialisation),
}


def only(trials: Sequence[Trial], wanted: Iterable[str]) -> list[Trial]:
    """Return the trials that have one of the named values under every named key. Raises UserError."""
    known = {key: {value(trial): value(trial) for trial in trials} for key, value in _KEYS.items()}
    for values in known.values():  # as they stand in the suite, or without the blanks around them
        values |= {name.strip(): name for name in values if name.strip() not in values}
    named: dict[str, set[str]] = {}
    for text in wanted:
        for key, value in _pairs(text, known):
            named.setdefault(key, set()).add(value)
    return [t for t in trials if all(_KEYS[key](t) in values for key, values in named.items())]


def _pairs(text: str, known: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Read key=value, key=value. A value may hold commas itself: the longest one that exists is meant."""
    parts = text.split(",")
    for end in range(len(parts), 0, -1):
        key, _, value = ",".join(parts[:end]).partition("=")
        name = known.get(key.strip(), {}).get(value, known.get(key.strip(), {}).get(value.strip()))
        if name is not None:
            return [(key.strip(), name), *(_pairs(",".join(parts[end:]), known) if end < len(parts) else [])]
    key, equals, value = (part.strip() for part in parts[0].partition("="))
    if not equals or not value:
        raise UserError(
            f"--only {parts[0]}: not of the form key=value", "e.g. --only strategy=phased,budget=100"
        )
    if key not in known:
        raise UserError(*unknown_name("--only: key", key, known))
    raise UserError(*unknown_name(f"--only: {key}", value, known[key]))
