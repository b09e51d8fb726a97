"""Hold what a suite planned and what became of it: the trials, their records, the score that leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from benchmark.report.reading.score_titles import SCORES, NamedScore
from benchmark.report.reading.scores import BITS_PER_DIM, LEAK, LeadScore, TrialRecord, own_score, score

FAMILY, TASK = "pc-vq2", "density"  # of manifests and records that are older than the words


@dataclass(frozen=True, order=True)
class PlannedTrial:
    """Name one trial of the manifest; `id` is its record's file name."""

    dataset: str
    budget: int
    strategy: str
    seed: int
    id: str
    initialisation: int = 0  # above 0: a repeat with the seed's images and other initial weights

    def __str__(self) -> str:
        repeat = f", initialisation {self.initialisation}" if self.initialisation else ""
        return f"{self.dataset}, {self.budget} images, {self.strategy}, seed {self.seed}{repeat} ({self.id})"


@dataclass(frozen=True)
class Unfinished:
    """Name a trial without a usable record; `status` is "failed" or "missing"."""

    trial: PlannedTrial
    status: str
    reason: str


@dataclass(frozen=True)
class SuiteRecords:
    """Hold one suite's plan and its finished records."""

    name: str
    title: str
    command: str
    baseline: str | None
    augmentation_space: Mapping[str, Any]
    trials: tuple[PlannedTrial, ...]
    records: Mapping[PlannedTrial, TrialRecord]  # finished trials only, in the plan's order
    unfinished: tuple[Unfinished, ...]
    choices: Mapping[str, Any] = field(default_factory=dict)  # strategy -> how its parameters came about
    headline: LeadScore = BITS_PER_DIM
    family: str = FAMILY
    task: str = TASK

    @cached_property
    def datasets(self) -> list[str]:
        """Return the datasets in the plan's order."""
        return list(dict.fromkeys(trial.dataset for trial in self.trials))

    @cached_property
    def strategies(self) -> list[str]:
        """Return the strategies in the plan's order, which also fixes their colours."""
        return list(dict.fromkeys(trial.strategy for trial in self.trials))

    def budgets(self, dataset: str) -> list[int]:
        """Return a dataset's budgets, smallest first."""
        return sorted({trial.budget for trial in self.trials if trial.dataset == dataset})

    def planned(self, dataset: str, budget: int, strategy: str) -> list[PlannedTrial]:
        """Return the trials planned for one cell of the table, by seed: repeats are not among them."""
        return self._cells.get((dataset, budget, strategy), [])

    def done(self, dataset: str, budget: int, strategy: str) -> dict[int, TrialRecord]:
        """Return seed -> record of one cell's finished trials, by seed."""
        planned = self.planned(dataset, budget, strategy)
        return {trial.seed: self.records[trial] for trial in planned if trial in self.records}

    def repeats(self, dataset: str, budget: int, strategy: str) -> dict[int, dict[int, TrialRecord]]:
        """Return seed -> initialisation -> record of one cell's finished trials, repeats among them."""
        return self._repeats.get((dataset, budget, strategy), {})

    def score(self, key: str) -> NamedScore:
        """Return a score's name and direction; headlines and metrics not of the house bring theirs."""
        is_ours = key in SCORES or key == self.headline.key or key.startswith(LEAK)
        own = None if is_ours else own_score(key, self.records.values())
        return own or score(key, self.headline)

    def count(self, status: str) -> int:
        """Count the unfinished trials with a status ("failed" or "missing")."""
        return sum(entry.status == status for entry in self.unfinished)

    @cached_property
    def _cells(self) -> dict[tuple[str, int, str], list[PlannedTrial]]:
        cells: dict[tuple[str, int, str], list[PlannedTrial]] = {}
        for trial in sorted(self.trials):
            if not trial.initialisation:
                cells.setdefault((trial.dataset, trial.budget, trial.strategy), []).append(trial)
        return cells

    @cached_property
    def _repeats(self) -> dict[tuple[str, int, str], dict[int, dict[int, TrialRecord]]]:
        cells: dict[tuple[str, int, str], dict[int, dict[int, TrialRecord]]] = {}
        for trial in sorted(self.records):
            cell = cells.setdefault((trial.dataset, trial.budget, trial.strategy), {})
            cell.setdefault(trial.seed, {})[trial.initialisation] = self.records[trial]
        return cells
