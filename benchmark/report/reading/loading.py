"""Read what a suite planned (its manifest) and what became of it (its records)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.naming import suite_name

NEWEST_SCHEMA = 1
Record = Mapping[str, Any]


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
    records: Mapping[PlannedTrial, Record]  # finished trials only, in the plan's order
    unfinished: tuple[Unfinished, ...]
    choices: Mapping[str, Any] = field(default_factory=dict)  # strategy -> how its parameters came about

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

    def done(self, dataset: str, budget: int, strategy: str) -> dict[int, Record]:
        """Return seed -> record of one cell's finished trials, by seed."""
        planned = self.planned(dataset, budget, strategy)
        return {trial.seed: self.records[trial] for trial in planned if trial in self.records}

    def repeats(self, dataset: str, budget: int, strategy: str) -> dict[int, dict[int, Record]]:
        """Return seed -> initialisation -> record of one cell's finished trials, repeats among them."""
        return self._repeats.get((dataset, budget, strategy), {})

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
    def _repeats(self) -> dict[tuple[str, int, str], dict[int, dict[int, Record]]]:
        cells: dict[tuple[str, int, str], dict[int, dict[int, Record]]] = {}
        for trial in sorted(self.records):
            cell = cells.setdefault((trial.dataset, trial.budget, trial.strategy), {})
            cell.setdefault(trial.seed, {})[trial.initialisation] = self.records[trial]
        return cells


def load_suite(manifest_path: Path, runs: Path) -> SuiteRecords:
    """Load a manifest and every record it names.

    Raises `UserError` when no trial is done, and what `read_suite` raises.
    """
    suite = read_suite(manifest_path, runs)
    if not suite.records:
        raise _nothing_done(suite, manifest_path)
    return suite


def read_suite(manifest_path: Path, runs: Path) -> SuiteRecords:
    """Load a manifest and every record it names, if there are any.

    A record that is newer than this code counts as failed, with that reason; the others can still be shown.
    Raises `UserError` when the manifest is absent or malformed, or when a record belongs to another trial.
    """
    manifest = _read_manifest(manifest_path)
    trials = _planned_trials(manifest, manifest_path)
    records: dict[PlannedTrial, Record] = {}
    unfinished: list[Unfinished] = []
    for trial in trials:
        outcome = _read_record(runs / "records" / f"{trial.id}.json", trial)
        if isinstance(outcome, Unfinished):
            unfinished.append(outcome)
        else:
            records[trial] = outcome
    return SuiteRecords(
        name=str(manifest.get("suite") or suite_name(manifest_path)),
        title=one_line(manifest.get("title") or ""),
        command=str(manifest.get("command") or ""),
        baseline=manifest.get("baseline"),
        augmentation_space=manifest.get("augmentation_space") or {},
        trials=trials,
        records=records,
        unfinished=tuple(unfinished),
        choices=manifest.get("strategies") or {},
    )


def one_line(text: object, most: int = 240) -> str:
    """Squash white space and cut a message to at most `most` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        known = sorted(suite_name(found) for found in path.parent.glob("*.json"))
        listed = f"Suites already run: {', '.join(known)}." if known else "No suite has been run yet."
        raise UserError(f"{path}: there is no such manifest", f"{listed} `bench run SUITE` writes one.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON: {one_line(error)}", "Run the suite again.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("trials"), list):
        raise UserError(f"{path}: not a manifest: it has no list of trials", "Run the suite again.")
    return manifest


def _planned_trials(manifest: Mapping[str, Any], path: Path) -> tuple[PlannedTrial, ...]:
    trials = []
    for position, entry in enumerate(manifest["trials"]):
        try:
            trials.append(
                PlannedTrial(
                    dataset=str(entry["dataset"]),
                    budget=int(entry["budget"]),
                    strategy=str(entry["strategy"]),
                    seed=int(entry["seed"]),
                    id=str(entry["id"]),
                    initialisation=int(entry.get("initialisation", 0)),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            message = f"{path}: trial {position} is malformed: {type(error).__name__} {one_line(error)}"
            hint = "A trial needs id, dataset, budget, strategy and seed; run the suite again."
            raise UserError(message, hint) from error
    _refuse_duplicates(trials, path)
    return tuple(trials)


def _refuse_duplicates(trials: Iterable[PlannedTrial], path: Path) -> None:
    seen: dict[tuple[str, int, str, int, int], PlannedTrial] = {}
    for trial in trials:
        key = (trial.dataset, trial.budget, trial.strategy, trial.seed, trial.initialisation)
        if key in seen:
            hint = f"The first has the id {seen[key].id}; run the suite again."
            raise UserError(f"{path}: two trials are the same: {trial}", hint)
        seen[key] = trial


def _read_record(path: Path, trial: PlannedTrial) -> Record | Unfinished:
    if not path.is_file():
        return Unfinished(trial, "missing", "no record")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return Unfinished(trial, "failed", f"the record is not readable as JSON: {one_line(error)}")
    if not isinstance(record, dict):
        return Unfinished(trial, "failed", "the record is not a JSON object")
    schema = record.get("schema_version")
    if isinstance(schema, int) and schema > NEWEST_SCHEMA:
        reason = f"its schema_version {schema} is newer than {NEWEST_SCHEMA}, the newest this version reads"
        return Unfinished(trial, "failed", f"{reason}: report with the version of bench that ran it")
    if record.get("status") != "done":
        return Unfinished(trial, "failed", one_line(record.get("reason") or "no reason was recorded"))
    for key in ("id", "budget", "seed", "initialisation"):
        found = record.get(key, 0 if key == "initialisation" else None)
        if found != getattr(trial, key):
            message = f"{path}: {key} is {found!r}, the manifest says {getattr(trial, key)!r}"
            raise UserError(message, "The record belongs to another trial; run the suite again.")
    # its id says what it is; what a suite calls that may have changed since it was made
    return record | {"dataset": trial.dataset, "strategy": trial.strategy}


def _nothing_done(suite: SuiteRecords, manifest_path: Path) -> UserError:
    failed, missing = suite.count("failed"), suite.count("missing")
    counts = Counter(entry.reason for entry in suite.unfinished if entry.status == "failed")
    reasons = "; ".join(f"{n} times: {reason}" for reason, n in counts.most_common(3))
    first = f" ({reasons})" if reasons else ""
    again = f"; `{suite.command}` runs them" if suite.command else ""
    return UserError(
        f"{manifest_path}: none of the {len(suite.trials)} trials is done, so there is nothing to report",
        f"{failed} failed{first}, {missing} without a record{again}",
    )
