"""Refuse to compare records that were not measured the same way."""

from __future__ import annotations

import json
from typing import Any

from benchmark.errors import UserError
from benchmark.report.reading.scores import FEW_SAMPLES, TrialRecord
from benchmark.report.reading.suite_records import FAMILY, TASK, PlannedTrial, SuiteRecords

# Within a dataset these must agree, or the scores do not mean the same thing.
PROTOCOL = (
    "schema_version",
    "dataset_fingerprint",
    "extractor",
    "extractor_fingerprint",
    "samples",
    "references",
)

_SPACE = "augmentation space"
_KINDS = {"family": FAMILY, "task": TASK}  # what a record without the word is of


def _space_of(record: TrialRecord) -> Any:
    """Return what strategies drew from, with the versions of operations; None for one that draws nothing."""
    trial = record.get("trial") or {}
    return trial.get("space") or (trial.get("evaluation") or {}).get("leakage_space")


def refuse_mixed_protocols(suite: SuiteRecords) -> None:
    """Raise `UserError` when finished records of a dataset differ in a protocol field; name it and trials."""
    for dataset in suite.datasets:
        for field in (*PROTOCOL, *_KINDS, _SPACE):
            groups: dict[str, list[PlannedTrial]] = {}
            for trial in sorted(suite.records):
                record = suite.records[trial]
                found = _space_of(record) if field == _SPACE else record.get(field, _KINDS.get(field))
                if trial.dataset == dataset and (field != _SPACE or found is not None):
                    groups.setdefault(json.dumps(found, sort_keys=True), []).append(trial)
            if len(groups) > 1:
                raise _mixed(suite, dataset, field, groups)


def _mixed(suite: SuiteRecords, dataset: str, field: str, groups: dict[str, list[PlannedTrial]]) -> UserError:
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    listed = "; ".join(
        f"{value} in {len(trials)} trial{'s' * (len(trials) > 1)} (first: {trials[0]})"
        for value, trials in ordered
    )
    most = len(ordered[0][1])
    again = f" with `{suite.command}`" if suite.command else ""
    return UserError(
        f"suite '{suite.name}': records of '{dataset}' differ in {field} and cannot be compared: {listed}",
        f"Nothing is shown of a mixture. The {most} that agree can be: give each protocol a suite of its "
        f"own, or run the odd trials again{again}.",
    )


def protocol_fields(suite: SuiteRecords) -> list[str]:
    """Return the fields that a table of the protocol shows: family and task where a record names them."""
    named = [field for field in _KINDS if any(field in record for record in suite.records.values())]
    return [*named, *PROTOCOL]


def few_samples(record: TrialRecord) -> bool:
    """Say whether a protocol draws too few samples for FID to lead; unknown counts as few."""
    samples = record.get("samples")
    return not isinstance(samples, int) or samples < FEW_SAMPLES


def features_phrase(record: TrialRecord) -> str:
    """Return the extractor's name and the number of samples, as every FID must carry them."""
    return f"{record.get('extractor') or 'unknown extractor'}, N = {record.get('samples') or 'unknown'}"


def protocol_record(suite: SuiteRecords, dataset: str) -> TrialRecord:
    """Return one finished record of a dataset to read its protocol from; empty if none is done."""
    done = sorted(trial for trial in suite.records if trial.dataset == dataset)
    return suite.records[done[0]] if done else {}
