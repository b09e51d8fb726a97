"""Write reports/calibration: the seeds, every measured share, and what follows from them.

`python -m benchmark.report.calibration.page RUNS reports/calibration` takes the seeds of its suite from a
runs folder; without RUNS it takes those of the committed seeds.csv.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.errors import UserError
from benchmark.report.calibration.measure import (
    COMPARISONS,
    RESAMPLES,
    MeasuredShare,
    Seeds,
    calibrate,
)
from benchmark.report.calibration.verdicts import calibration_verdicts
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.scores import number_in
from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.words.markdown import markdown

SUITE = "calibration"
SCORES = ("bpd_heldout", "fid", "kid")


def write_calibration(folder: Path, runs: Path | None = None) -> None:
    """Write seeds.csv (where runs are given), table.csv and README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    if runs is not None:
        suite = load_records(runs / "suites" / f"{SUITE}.json", runs)
        (folder / "seeds.csv").write_text(seeds_text(suite))
    scores = read_seeds(folder / "seeds.csv")
    rows = list(calibrate(scores))
    table = pd.DataFrame([row.fields() for row in rows])
    (folder / "table.csv").write_text(table.to_csv(index=False, float_format="%.4g", lineterminator="\n"))
    (folder / "README.md").write_text(calibration_text(rows, scores))


def seeds_text(suite: SuiteRecords) -> str:
    """Return one line per trial with the scores that are resampled."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["strategy", "seed", *SCORES])
    for trial in sorted(suite.records):
        values = [number_in(suite.records[trial], key) for key in SCORES]
        writer.writerow([trial.strategy, trial.seed, *(f"{value:.10g}" for value in values)])
    return stream.getvalue()


def read_seeds(path: Path) -> dict[str, Seeds]:
    """Return score -> strategy -> values, over the seeds that every strategy has."""
    if not path.is_file():
        raise UserError(f"{path} is missing", f"name the runs folder of suites/{SUITE}.yaml before it")
    frame = pd.read_csv(path)
    found: dict[str, Seeds] = {}
    for score in SCORES:
        wide = frame.pivot(index="seed", columns="strategy", values=score).dropna()
        found[score] = {str(name): np.asarray(wide[name], dtype=float) for name in wide.columns}
    return found


def calibration_text(rows: Sequence[MeasuredShare], scores: dict[str, Seeds]) -> str:
    """Return the page: the verdict first, then every share beside what chance allows."""
    seeds = len(next(iter(scores[SCORES[0]].values())))
    parts = [
        ["# calibration", "", *_head(seeds), "", "## What follows", "", *calibration_verdicts(rows, scores)],
        ["## None against itself", "", *_question(rows, "A/A: found")],
        ["## Does the interval hold the truth?", "", _COVERAGE, "", *_question(rows, "coverage")],
        ["## Are planted effects found?", "", _PLANTED, "", *_question(rows, "planted: found")],
        ["## Reproduce", "", "```sh", *_COMMANDS, "```"],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(seeds: int) -> list[str]:
    return [
        f"Do the report's intervals and p-values do what they say? {seeds} seeds of one short question "
        f"(`suites/{SUITE}.yaml`, digits, 60 images) were run with three strategies; "
        f"[seeds.csv](seeds.csv) has their scores. `none` was compared with itself {COMPARISONS} times per "
        f"row, intervals and planted effects were tried {RESAMPLES:,} times. A share lies *within chance* "
        "when a binomial count with the expected share gives it in the central 95 %. With so many rows, "
        "about one in twenty falls outside by chance alone. Every share: [table.csv](table.csv).",
    ]


def _question(rows: Sequence[MeasuredShare], question: str) -> list[str]:
    chosen = [row for row in rows if row.question == question]
    return markdown(
        [
            ("score", [f"`{row.score}`" for row in chosen]),
            ("method", [row.method for row in chosen]),
            ("pairs", [str(row.pairs) for row in chosen]),
            ("what", [row.detail or "none - none" for row in chosen]),
            ("share", [f"{100 * row.share:.1f} %" for row in chosen]),
            ("expected", [f"{100 * row.expected:.1f} %" for row in chosen]),
            (
                "chance allows",
                [f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in (r.chance for r in chosen)],
            ),
            ("within chance", ["yes" if row.is_as_expected else "**no**" for row in chosen]),
        ],
        words=True,
    )


_COVERAGE = (
    "Pairs are drawn with replacement from the real differences of all seeds, whose mean is the truth. A "
    "bootstrap interval without an end (no spread among the pairs drawn) counts as a miss."
)
_PLANTED = (
    "The same differences, moved so that their mean is the effect. Expected: the power of a paired t-test, "
    "which is what `bench power` states. Sign flips cannot find anything at fewer than six pairs, whatever "
    "the effect; with more they are a little weaker than the t-test where few p-values exist."
)
_COMMANDS = (
    f"bench run suites/{SUITE}.yaml",
    "python -m benchmark.report.calibration.page runs reports/calibration",
    "python -m benchmark.report.calibration.page reports/calibration   # from the committed seeds.csv, under "
    "a minute",
)


if __name__ == "__main__":
    *given, target = map(Path, sys.argv[1:])
    try:
        write_calibration(target, given[0] if given else None)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
