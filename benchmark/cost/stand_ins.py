"""Trials of a suite whose images may not be here: what they cost does not depend on what the images show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmark.data.dataset import Dataset
from benchmark.data.names import TORCHVISION
from benchmark.planning.plan import plan_trials

if TYPE_CHECKING:
    from benchmark.planning.suite import DatasetEntry, Suite
    from benchmark.planning.trial import Trial

_RECIPE_SIZE, _RECIPE_HELDOUT = 256, 500  # where a suite does not say


def plan_for_cost(suite: Suite) -> tuple[list[Trial], list[str]]:
    """Resolve a suite's trials, with stand-ins for images that are not here; name those data sets."""
    absent: list[str] = []

    def stand_in(suite: Suite, entry: DatasetEntry) -> Dataset:
        absent.append(entry.name)
        return _stand_in(suite, entry)

    trials = plan_trials(suite, stand_in)
    return list({trial.id: trial for trial in trials}.values()), absent


def _stand_in(suite: Suite, entry: DatasetEntry) -> Dataset:
    """Return a data set of the right shape that takes no memory."""
    known = TORCHVISION[entry.source].shape if entry.source in TORCHVISION else (_RECIPE_SIZE, 3)
    side, heldout = entry.size or known[0], entry.heldout or _RECIPE_HELDOUT
    black = np.zeros(1, dtype=np.uint8)
    shape = (side, side, entry.channels or known[1])
    pool = np.broadcast_to(black, (max(suite.settings.budgets), *shape))
    return Dataset(entry.name, pool, np.broadcast_to(black, (heldout, *shape)), f"absent-{entry.name}")
