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
    FAMILY,
    RESAMPLES,
    MeasuredShare,
    Seeds,
    binomial_range,
    calibrate,
    skewness,
)
from benchmark.report.reading.loading import SuiteRecords, load_records
from benchmark.report.reading.scores import number_in
from benchmark.report.words.tables import markdown

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
        ["# calibration", "", *_head(seeds), "", "## What follows", "", *_verdicts(rows, scores)],
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


def _verdicts(rows: Sequence[MeasuredShare], scores: dict[str, Seeds]) -> list[str]:
    """Say in words what the rows show."""
    lines = []
    same = [row for row in rows if row.question == "A/A: found" and "Holm" not in row.method]
    within = sum(row.is_as_expected for row in same)
    lines.append(
        f"- **No difference, nothing found.** `none` against itself, {COMPARISONS} times per row: {within} "
        f"of {len(same)} rows lie within chance of their level. Student-t intervals exclude zero, all "
        f"scores together, in {'; '.join(_pooled(same, 'Student-t interval'))}."
    )
    families = [row for row in rows if "Holm" in row.method]
    said = ", ".join(f"{row.share:.1%} ({row.score})" for row in families)
    lines.append(f"- **Families.** Any of {FAMILY} corrected p-values at most 0.05: {said}; Holm allows 5 %.")
    for method in dict.fromkeys(row.method for row in rows if row.question == "coverage"):
        by_pairs = []
        for pairs in dict.fromkeys(row.pairs for row in rows if row.question == "coverage"):
            chosen = [r for r in rows if (r.question, r.method, r.pairs) == ("coverage", method, pairs)]
            by_pairs.append(f"{_shares(chosen, method)} at {pairs}")
        lines.append(f"- **Coverage, {method}** (named after 95 %): {', '.join(by_pairs)} pairs.")
    lines.append(
        "- **Hence the report shows Student-t intervals** at every number of pairs: at three they come "
        "nearest to what they say, and with more they lose nothing. They are not exact: scores that "
        "scatter unlike a normal distribution move them by the points above. Percentile intervals stand in "
        "table.csv (`*_diff_boot_low`, `*_diff_boot_high`); below ten pairs they are too short to be "
        "believed."
    )
    return [*lines, _planted_verdict(rows, scores)]


def _planted_verdict(rows: Sequence[MeasuredShare], scores: dict[str, Seeds]) -> str:
    said = []
    for score, seeds in scores.items():
        effects = [
            row
            for row in rows
            if (row.question, row.method, row.score) == ("planted: found", "Student-t interval", score)
        ]
        worst = max(abs(row.share - row.expected) for row in effects)
        skewed = [skewness(values - seeds["none"]) for name, values in seeds.items() if name != "none"]
        said.append(
            f"`{score}` {sum(row.is_as_expected for row in effects)} of {len(effects)} rows within chance, "
            f"at most {100 * worst:.1f} points off (skewness of differences {min(skewed):+.1f} to "
            f"{max(skewed):+.1f})"
        )
    return (
        f"- **Planted effects** against the power `bench power` states: {'; '.join(said)}. The formula is "
        "that of normal differences; where they are skewed, small effects in few pairs are found less "
        "often than stated, large ones more often."
    )


def _pooled(rows: Sequence[MeasuredShare], method: str) -> list[str]:
    """Say one method's share at each number of pairs, all scores together, and what chance allows."""
    parts = []
    for pairs in dict.fromkeys(row.pairs for row in rows):
        chosen = [row for row in rows if (row.pairs, row.method) == (pairs, method)]
        found, tries = sum(row.found for row in chosen), sum(row.tries for row in chosen)
        low, high = (100 * count / tries for count in binomial_range(tries, chosen[0].expected))
        allowed = f"chance allows {low:.1f} to {high:.1f} %"
        parts.append(f"{100 * found / tries:.1f} % at {pairs} pairs ({allowed})")
    return parts


def _shares(rows: Sequence[MeasuredShare], method: str) -> str:
    shares = [row.share for row in rows if row.method == method]
    low, high = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} %"


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
