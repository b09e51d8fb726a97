"""Write every trial's record as one Parquet file: a row per planned trial, a column per key."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.report.reading.score_titles import SCORES
from benchmark.report.reading.suite_records import SuiteRecords

IDENTITY = ("id", "dataset", "budget", "strategy", "seed", "status", "reason")
_KINDS = {"budget": pa.int64(), "seed": pa.int64()}  # of a table without rows


def parquet_bytes(suite: SuiteRecords) -> bytes:
    """Return the table's bytes; the same records give the same bytes.

    Numbers, words and curves (lists of numbers) keep their type; anything else is JSON text. Failed and
    missing trials have their status and reason and nulls elsewhere. A plugin's keys need no code.
    """
    sink = io.BytesIO()
    pq.write_table(record_table(suite_rows(suite)), sink, compression="zstd")
    return sink.getvalue()


def suite_rows(suite: SuiteRecords) -> list[dict[str, Any]]:
    """Return a row of each planned trial, under the names that the suite gives them."""
    reasons = {entry.trial: entry for entry in suite.unfinished}
    rows: list[dict[str, Any]] = []
    for trial in suite.trials:
        row = dict(suite.records.get(trial, {}))
        row |= {name: getattr(trial, name) for name in ("id", "dataset", "budget", "strategy", "seed")}
        if trial in reasons:
            row |= {"status": reasons[trial].status, "reason": reasons[trial].reason}
        rows.append(row)
    return rows


def record_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table: who a trial is, its scores in house order, then all else by name."""
    found = {key for row in rows for key in row} - set(IDENTITY)
    names = [*IDENTITY, *(key for key in SCORES if key in found), *sorted(found - SCORES.keys())]
    if not rows:
        return pa.table({name: pa.array([], _KINDS.get(name, pa.string())) for name in names})
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


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
