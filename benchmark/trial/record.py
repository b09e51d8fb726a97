"""What every record carries, done or failed: which trial, and what it was made with."""

from __future__ import annotations

from benchmark.planning.trial import SCHEMA_VERSION, Trial
from benchmark.store.environment import git_commit, processor, versions
from benchmark.store.storable import legible, storable
from benchmark.store.store import (
    _LONGEST_REASON,
    _LONGEST_TRACE,
    Record,
)


def heading(trial: Trial) -> Record:
    """Return what every record carries, done or failed: which trial, and what it was made with."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": trial.id,
        "dataset": trial.dataset.name,
        "dataset_fingerprint": trial.fingerprint,
        "budget": trial.budget,
        "strategy": trial.strategy.label,
        "strategy_class": trial.strategy.name,
        "seed": trial.seed,
        "initialisation": trial.initialisation,
        **({} if trial.family_code.is_default else {"family": trial.family_code.name}),
        "versions": versions(),
        "hardware": processor(),
        "git_commit": git_commit(),
        "trial": trial.resolved(),
    }


def failure(trial: Trial, reason: str, trace: str = "", cause: str = "error") -> Record:
    """Return the record of a trial that failed; cause: error, out_of_memory, stalled or worker_died.

    It can be written whatever an exception said: that is cut, and freed of what no file can hold.
    """
    said = {"reason": legible(reason, _LONGEST_REASON), "traceback": legible(trace, _LONGEST_TRACE)}
    return storable(heading(trial) | {"status": "failed", "cause": cause} | said)
