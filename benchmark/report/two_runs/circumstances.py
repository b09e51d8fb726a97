"""List hardware, code, versions and settings in which two runs differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmark.report.reading.suite_records import SuiteRecords

_WHERE = ("hardware", "device", "cpu_threads", "git_commit")


def circumstances(first: SuiteRecords, second: SuiteRecords) -> list[tuple[str, str, str]]:
    """List hardware, code, versions and settings in which the runs differ."""
    rows = []
    for what, read in _readers(first, second).items():
        values = [
            ", ".join(sorted({read(record) for record in suite.records.values()}))
            for suite in (first, second)
        ]
        if values[0] != values[1]:
            rows.append((what, values[0], values[1]))
    return rows


def _readers(*suites: SuiteRecords) -> Mapping[str, Any]:
    """Return what is looked at in every record, by name."""

    def key_of(key: str) -> Any:
        return lambda record: str(record.get(key, "not recorded"))

    def version_of(name: str) -> Any:
        return lambda record: str((record.get("versions") or {}).get(name, "not recorded"))

    def setting_of(name: str) -> Any:
        return lambda record: json.dumps((record.get("trial") or {}).get(name), sort_keys=True)

    records = [record for suite in suites for record in suite.records.values()]
    names = sorted({name for record in records for name in record.get("versions") or {}})
    settings = sorted({name for record in records for name in record.get("trial") or {}} - _NOT_COMPARED)
    return (
        {key.replace("_", " "): key_of(key) for key in _WHERE}
        | {f"version of {name}": version_of(name) for name in names}
        | {f"settings of {name}": setting_of(name) for name in settings}
    )


_NOT_COMPARED = {
    "budget",
    "seed",
    "initialisation",
    "strategy",
    "dataset_fingerprint",
    "validation_images",
    "schema_version",
}
