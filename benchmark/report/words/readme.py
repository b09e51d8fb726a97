"""Write the README of a report: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.words.section import Contents, Section

_FILES = (
    "Every number: [table.csv](table.csv), every record: [records.parquet](records.parquet), for a paper: "
    "[table.tex](table.tex); the same as one page that sorts and filters: [index.html](index.html)."
)


def readme_text(contents: Contents, sections: Sequence[Section]) -> str:
    """Return README.md: every section that has something to say."""
    suite = contents.comparison.suite
    title = [f"*{suite.title}*", ""] if suite.title else []
    blocks = ["\n".join([f"# {suite.name}", "", *title, status_line(suite, _FILES)])]
    for section in sections:
        if lines := section.lines(contents):
            blocks.append("\n".join([f"## {section.heading}", "", *lines]))
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def status_line(suite: SuiteRecords, files: str) -> str:
    """Say what is done, what is not, and which files have the rest."""
    counts = f"{len(suite.records)} of {len(suite.trials)} trials are done"
    failed, missing = suite.count("failed"), suite.count("missing")
    rest = f"; {failed} failed, {missing} missing ([named below](#failed-and-missing-trials))"
    baseline = f" Baseline: `{suite.baseline}`." if suite.baseline else " No baseline is named."
    return f"{counts}{rest if failed or missing else ''}.{baseline} {files}"
