"""Write every trial's record as one Parquet file: a row per planned trial, a column per key."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.report.reading.score_titles import SCORES
from benchmark.report.reading.suite_records import SuiteRecords

_IDENTITY = ("id", "dataset", "budget", "strategy", "seed", "status", "reason")


def parquet_bytes(suite: SuiteRecords) -> bytes:
    """Return the table's bytes; the same records give the same bytes.

    Numbers, words and curves (lists of numbers) keep their type; anything else is JSON text. Failed and
    missing trials have their status and reason and nulls elsewhere. A plugin's keys need no code.
    """
    reasons = {entry.trial: entry for entry in suite.unfinished}
    rows: list[dict[str, Any]] = []
    for trial in suite.trials:
        row = dict(suite.records.get(trial, {}))
        row |= {name: getattr(trial, name) for name in ("id", "dataset", "budget", "strategy", "seed")}
        if trial in reasons:
            row |= {"status": reasons[trial].status, "reason": reasons[trial].reason}
        rows.append(row)
    found = {key for row in rows for key in row} - set(_IDENTITY)
    names = [*_IDENTITY, *(key for key in SCORES if key in found), *sorted(found - SCORES.keys())]
    table = pa.table({name: _column([row.get(name) for row in rows]) for name in names})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _column(values: Sequence[Any]) -> pa.Array:
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if not present or kinds == {str}:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(abs(value) < 2**63 for value in present):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if kinds == {list}:
        with contextlib.suppress(pa.ArrowInvalid, pa.ArrowTypeError):  # no curve: below
            return pa.array(values, pa.list_(pa.float64()))
    return pa.array([None if v is None else json.dumps(v, sort_keys=True) for v in values], pa.string())
