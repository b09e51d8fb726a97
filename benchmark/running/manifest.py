"""The manifest: a suite's trials under the names it gives them; a report starts from it (no torch)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.tasks.registry import task_of

if TYPE_CHECKING:
    from benchmark.planning.suite import StrategyEntry, Suite
    from benchmark.planning.trial import Trial


def manifest_of(suite: Suite, path: Path, planned: Sequence[Trial]) -> dict[str, object]:
    """Return what a report starts from: the suite's trials under the names this suite gives them."""
    settings, task = suite.settings, task_of(suite.family)
    return {
        "suite": suite.name,
        "source": str(path),
        "file": str(path.resolve()),
        "title": settings.title,
        "baseline": settings.baseline,
        "task": task.name,
        "family": suite.family_code.name,
        "headline": task.headline.to_dict(),
        "command": f"bench run {path}",
        "augmentation_space": _space(planned),
        "strategies": {entry.shown: _how_chosen(entry) for entry in settings.strategies},
        "trials": [
            {
                "id": trial.id,
                "dataset": trial.dataset.name,
                "budget": trial.budget,
                "strategy": trial.strategy.label,
                "seed": trial.seed,
                **({"initialisation": trial.initialisation} if trial.initialisation else {}),
            }
            for trial in planned
        ],
    }


def _space(planned: Sequence[Trial]) -> dict[str, object]:
    """Return the suite's space as it is written: ranges and settings in one mapping."""
    about = planned[0].space.resolved()
    return {**about.pop("ranges"), **about}


def _how_chosen(entry: StrategyEntry) -> dict[str, object]:
    """Return how a strategy's parameters came about: which ones the suite sets, and how they were tuned."""
    note = entry.tuning
    return {"set": sorted(entry.parameters), "tuning": note and note.model_dump(mode="json")}
