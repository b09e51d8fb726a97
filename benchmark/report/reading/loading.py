"""Read what a suite planned (its manifest) and what became of it (its records)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.naming import suite_name
from benchmark.report.reading.scores import BITS_PER_DIM, LeadScore, TrialRecord
from benchmark.report.reading.suite_records import FAMILY, TASK, PlannedTrial, SuiteRecords, Unfinished

NEWEST_SCHEMA = 1


def load_records(manifest_path: Path, runs: Path) -> SuiteRecords:
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
    records: dict[PlannedTrial, TrialRecord] = {}
    unfinished: list[Unfinished] = []
    for trial in trials:
        outcome = _read_record(runs / "records" / f"{trial.id}.json", trial)
        if isinstance(outcome, Unfinished):
            unfinished.append(outcome)
        else:
            records[trial] = outcome
    return SuiteRecords(
        name=str(manifest.get("suite") or suite_name(manifest_path)),
        title=in_one_line(manifest.get("title") or ""),
        command=str(manifest.get("command") or ""),
        baseline=manifest.get("baseline"),
        augmentation_space=manifest.get("augmentation_space") or {},
        trials=trials,
        records=records,
        unfinished=tuple(unfinished),
        choices=manifest.get("strategies") or {},
        headline=_headline(manifest, manifest_path),
        family=str(manifest.get("family") or FAMILY),
        task=str(manifest.get("task") or TASK),
    )


def in_one_line(text: object, most: int = 240) -> str:
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
        raise UserError(
            f"{path}: not readable as JSON: {in_one_line(error)}", "Run the suite again."
        ) from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("trials"), list):
        raise UserError(f"{path}: not a manifest: it has no list of trials", "Run the suite again.")
    return manifest


def _headline(manifest: Mapping[str, Any], path: Path) -> LeadScore:
    """Return the score that leads, held-out bits/dim where the manifest is older than the choice."""
    found = manifest.get("headline")
    if found is None:
        return BITS_PER_DIM
    try:
        headline = LeadScore(**{name: str(found[name]) for name in ("key", "title", "unit", "better")})
    except (KeyError, TypeError) as error:
        message = f"{path}: headline is malformed: {type(error).__name__} {in_one_line(error)}"
        raise UserError(message, "It needs key, title, unit and better; run the suite again.") from error
    if headline.better not in ("lower", "higher"):
        message = f"{path}: the headline's better is {headline.better!r}"
        raise UserError(message, "It is 'lower' or 'higher'; run the suite again.")
    return headline


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
            message = f"{path}: trial {position} is malformed: {type(error).__name__} {in_one_line(error)}"
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


def _read_record(path: Path, trial: PlannedTrial) -> TrialRecord | Unfinished:
    if not path.is_file():
        return Unfinished(trial, "missing", "no record")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return Unfinished(trial, "failed", f"the record is not readable as JSON: {in_one_line(error)}")
    if not isinstance(record, dict):
        return Unfinished(trial, "failed", "the record is not a JSON object")
    schema = record.get("schema_version")
    if isinstance(schema, int) and schema > NEWEST_SCHEMA:
        reason = f"its schema_version {schema} is newer than {NEWEST_SCHEMA}, the newest this version reads"
        return Unfinished(trial, "failed", f"{reason}: report with the version of bench that ran it")
    if record.get("status") != "done":
        return Unfinished(trial, "failed", in_one_line(record.get("reason") or "no reason was recorded"))
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
