"""Refuse to compare records that were not measured the same way."""

from __future__ import annotations

import json

from benchmark.errors import UserError
from benchmark.report.loading import PlannedTrial, SuiteRecords

# Within a dataset these must agree, or the scores do not mean the same thing.
PROTOCOL = (
    "schema_version",
    "dataset_fingerprint",
    "extractor",
    "extractor_fingerprint",
    "samples",
    "references",
)


def refuse_mixed_protocols(suite: SuiteRecords) -> None:
    """Raise `UserError` when finished records of a dataset differ in a protocol field; name it and trials."""
    for dataset in suite.datasets:
        for field in PROTOCOL:
            groups: dict[str, list[PlannedTrial]] = {}
            for trial in sorted(suite.records):
                if trial.dataset == dataset:
                    value = json.dumps(suite.records[trial].get(field), sort_keys=True)
                    groups.setdefault(value, []).append(trial)
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
