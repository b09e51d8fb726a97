"""Every record as a pandas DataFrame, a row a trial: `benchmark.records`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark.naming import suite_name
from benchmark.report.reading.loading import in_one_line, read_suite
from benchmark.report.reading.record_table import IDENTITY, record_table, suite_rows

if TYPE_CHECKING:
    from benchmark.store.store import Store


def records(runs: str | Path = "runs", suite: str | Path | None = None) -> pd.DataFrame:
    """Return one row a trial: of every record in a runs folder, or of what one suite planned.

    First who it is: `id` (of the record and the model), `dataset`, `budget` (training images), `strategy`
    (its label), `seed`, `status` ("done", "failed"; with a suite also "missing") and `reason` (why not done).

    Then its scores, empty where a trial is not done, in the order of the report:
    `bpd_*` and `*_bpd` in bits per dimension, held-out unless `train` or `validation` stands in the name
    (`bpd_heldout` = `rate_heldout_bpd` + `distortion_bpd`); `fid*`, `kid*`, `precision`, `recall`, `density`,
    `coverage`, `rfid`, `nearest_training_ratio`, `authenticity` and `copying_z` of samples, with `_pixels` on
    pixels instead of features; `leak_OPERATION` (0 clean, 1 as in augmented images); `impossible_*` (shares
    of samples); `reconstruction_mse*` (pixels in [0, 1]); `perplexity_*` and `codes_used_*` (codes);
    `mean_strength*`, `augmented_share` (0 to 1); `*_seconds`.
    benchmark.report.reading.scores.SCORES has a title and the better direction for each.

    Then all else that records hold, by name: ends of intervals within a trial (`SCORE_low`, `SCORE_high`),
    numbers of images and steps, learning curves (`curve_*`, arrays), and settings and versions (JSON text).

    A folder without records gives no row. Raises UserError for a suite that was not run there.
    """
    from benchmark.store.store import Store  # it knows strategies, and a report should not

    store = Store(Path(runs))
    if suite is None:
        rows = list(_every_record(store))
    else:
        rows = suite_rows(read_suite(store.find_manifest(suite_name(suite)), store.root))
    frame: pd.DataFrame = record_table(rows).to_pandas()
    return frame


def _every_record(store: Store) -> Iterator[dict[str, Any]]:
    """Yield a row of each record, by data set, budget, strategy and seed."""
    found = [record for record in store.records() if all(key in record for key in _NAMED)]
    for record in sorted(found, key=lambda record: [record[key] for key in _NAMED]):
        if record["status"] == "done":
            yield record
        else:
            reason = in_one_line(record.get("reason") or "no reason was recorded")
            yield {key: record[key] for key in IDENTITY if key in record} | {"reason": reason}


_NAMED = ("dataset", "budget", "strategy", "seed", "id")
