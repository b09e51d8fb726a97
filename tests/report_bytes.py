"""Write every committed report anew from its records and print what its files hash to.

    python tests/report_bytes.py OUTPUT [SUITE ...]

Run at two commits, it shows whether a change of the code changed a published number: the same records give
the same bytes. Images are not among the records, so grids and views are left out at both commits.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmark.report import write_report

REPORTS = Path(__file__).parents[1] / "reports"


def rebuild(table: Path, runs: Path, suite: str) -> Path:
    """Write the records of a Parquet table and a manifest as a run left them; return the manifest."""
    trials, spaces = [], []
    for row in pq.read_table(table).to_pylist():
        record = {key: _value(value) for key, value in row.items() if value is not None}
        trials.append({key: row[key] for key in ("id", "dataset", "budget", "strategy", "seed")})
        trials[-1]["initialisation"] = row.get("initialisation") or 0
        spaces.append(record.get("trial", {}).get("space"))
        path = runs / "records" / f"{row['id']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    space = next((one for one in spaces if one), {"ranges": {}, "padding": "reflection"})
    manifest = {
        "suite": suite,
        "title": suite,
        "command": f"bench run suites/{suite}.yaml",
        "baseline": "none",
        "augmentation_space": {**space["ranges"], "padding": space["padding"]},
        "trials": trials,
    }
    path = runs / "suites" / f"{suite}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    return path


def _value(value: Any) -> Any:
    """Undo what the table did to values that are no numbers, words or curves."""
    if isinstance(value, str) and value[:1] in "{[":
        return json.loads(value)
    return value


def main(output: Path, *names: str) -> None:
    """Write the reports and print a line for each file: its hash and its path."""
    for table in sorted(REPORTS.glob("*/records.parquet")):
        suite = table.parent.name
        if names and suite not in names:
            continue
        manifest = rebuild(table, output / "runs", suite)
        for path in sorted(write_report(manifest, output / "runs", output / suite).paths):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            print(digest, path.relative_to(output), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
