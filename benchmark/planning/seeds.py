"""Seeds as functions of names: who shares what noise (no torch)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcvq2.trainer.randomness import derive_seed

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial


def seed_for(trial: Trial, purpose: str, sampling: int = 0) -> int:
    """Return the seed of a purpose: the same for every strategy of a (dataset, budget, seed, initialisation).

    Initialisation 0 and sampling 0 have the seeds of a suite without `repeats`.
    """
    names: list[object] = [trial.fingerprint, trial.budget, trial.seed]
    if trial.initialisation:
        names += ["initialisation", trial.initialisation]
    names.append(purpose)
    if sampling:
        names += ["sampling", sampling]
    return derive_seed(*names)


def subset_seed(trial: Trial) -> int:
    """Return the seed of the order budgets are drawn in.

    It does not depend on the budget, so they nest, nor on the initialisation, so repeats share their images.
    """
    return derive_seed(trial.fingerprint, trial.seed, "subset")
