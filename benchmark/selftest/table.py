"""The self-test's checks as a table people and programs read."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmark.selftest.check import Check
from benchmark.store.environment import git_commit, processor, versions


def csv_of_checks(checks: Sequence[Check]) -> str:
    """Return one line per check."""
    stream = io.StringIO()
    names = [field.name for field in dataclasses.fields(Check)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(check) for check in checks)
    return stream.getvalue()


def markdown_text(checks: Sequence[Check], notes: Sequence[str] = ()) -> str:
    """Return the page: passed per extractor, then every case with one column per extractor."""
    made = ", ".join(
        f"{name} {version}" for name, version in versions().items() if version != "not installed"
    )
    lines = [
        "# The measures measured",
        "",
        "Written by `bench selftest`: faults planted in real images, and whether each measure sees them.",
        'Where nothing else is said, "generated" images are fresh real ones, spoilt or not, against as many',
        "held-out ones; a cell's numbers are those the check looked at, in the order of its expectation (for",
        "rising faults: none, weak, middle, strong; for pairs: clean or whole, then spoilt, except the",
        "copycats': the copies, then fresh images). `-` stands for measures that need no extractor.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {git_commit() or 'unknown'}, {processor()}; {made}.",
        "",
        *(f"- {note}" for note in notes),
        *([""] if notes else []),
    ]
    for dataset in dict.fromkeys(check.dataset for check in checks):
        lines += _section(dataset, [check for check in checks if check.dataset == dataset])
    return "\n".join(lines) + "\n"


def _section(dataset: str, checks: Sequence[Check]) -> list[str]:
    extractors = list(dict.fromkeys(check.extractor for check in checks))
    passed = {e: [check.passed for check in checks if check.extractor == e] for e in extractors}
    summary = ", ".join(f"`{e}` {sum(p)} of {len(p)}" for e, p in passed.items())
    lines = [f"## {dataset}", "", f"Passed: {summary}.", ""]
    lines += [f"| case | expectation | n | {' | '.join(f'`{e}`' for e in extractors)} |"]
    lines += ["|:--|:--|--:|" + ":--|" * len(extractors)]
    for case, expectation in dict.fromkeys((check.case, check.expectation) for check in checks):
        row = [c for c in checks if (c.case, c.expectation) == (case, expectation)]
        by_extractor = {c.extractor: f"{'pass' if c.passed else '**FAIL**'}: {c.numbers}" for c in row}
        cells = " | ".join(by_extractor.get(e, "") for e in extractors)
        lines.append(f"| {case} | {_escaped(expectation)} | {row[0].images} | {cells} |")
    return [*lines, ""]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
