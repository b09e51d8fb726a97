"""Say on what machine, with which versions and code the records came about, and how to make them again."""

from __future__ import annotations

import statistics

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.reading.scores import number_in
from benchmark.report.words.agreement import values_phrase
from benchmark.report.words.markdown import markdown


@remembered
def environment_lines(comparison: SuiteComparison) -> list[str]:
    """Return the section's lines on versions, hardware, code and time; disagreeing records are all listed."""
    records = list(comparison.suite.records.values())
    seconds = sorted(s for r in records if (s := number_in(r, "wall_seconds")) is not None)
    rows = [(name, values_phrase(records, key)) for name, key in _ENVIRONMENT]
    if seconds:
        total = f"{sum(seconds):.0f} (n = {len(seconds)} trials)"
        rows.append(("wall seconds, total", total))
        rows.append(
            ("wall seconds, median per trial", f"{statistics.median(seconds):.1f} (n = {len(seconds)})")
        )
    names = sorted({name for record in records for name in record.get("versions") or {}})
    for name in names:
        versions = [{"version": (record.get("versions") or {}).get(name)} for record in records]
        rows.append((f"version of {name}", values_phrase(versions, "version")))
    return markdown(
        [("what", [name for name, _ in rows]), ("value", [value for _, value in rows])], words=True
    )


_ENVIRONMENT = (
    ("hardware", "hardware"),
    ("device", "device"),
    ("CPU threads per trial", "cpu_threads"),
    ("git commit", "git_commit"),
)


def commits(comparison: SuiteComparison) -> list[str]:
    """Return the git commits that ran the finished trials."""
    found = {record.get("git_commit") for record in comparison.suite.records.values()}
    return sorted(str(commit) for commit in found if commit)


def reproduce_lines(comparison: SuiteComparison) -> list[str]:
    """Return the commands that make these records and this report again."""
    suite = comparison.suite
    found = commits(comparison)
    checkout = [f"git checkout {found[0].removesuffix('-dirty')}"] if len(found) == 1 else []
    if checkout and found[0].endswith("-dirty"):
        checkout.append("# the records were made with uncommitted changes on top of this commit")
    if len(found) > 1:
        checkout = [f"# the records come from {len(found)} commits, listed above"]
    command = [suite.command] if suite.command else []
    return ["```sh", *checkout, *command, f"bench report {suite.name}", "```"]
