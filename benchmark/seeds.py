"""Seeds as functions of names: who shares what noise (no torch)."""

from __future__ import annotations

from benchmark.plan import Trial
from pcvq2.randomness import derive_seed


def seed_for(trial: Trial, purpose: str) -> int:
    """Return the seed of a purpose: the same for every strategy of a (dataset, budget, seed)."""
    return derive_seed(trial.fingerprint, trial.budget, trial.seed, purpose)


def subset_seed(trial: Trial) -> int:
    """Return the seed of the order budgets are drawn in: it does not depend on the budget, so they nest."""
    return derive_seed(trial.fingerprint, trial.seed, "subset")
