"""Name the trials that gave no number, and the scores that finished trials could not give."""

from __future__ import annotations

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.reading.loading import in_one_line
from benchmark.report.reading.suite_records import PlannedTrial, SuiteRecords
from benchmark.report.words.markdown import markdown


@remembered
def unfinished_lines(comparison: SuiteComparison) -> list[str]:
    """Return the section's lines on failed and missing trials and on scores that are null."""
    suite = comparison.suite
    if suite.unfinished:
        entries = sorted(suite.unfinished, key=lambda entry: entry.trial)
        lines = markdown(
            [
                ("trial", [f"`{e.trial.id}`" for e in entries]),
                ("dataset", [e.trial.dataset for e in entries]),
                ("images", [str(e.trial.budget) for e in entries]),
                ("strategy", [f"`{e.trial.strategy}`" for e in entries]),
                ("seed", [_seed_text(e.trial) for e in entries]),
                ("status", [e.status for e in entries]),
                ("reason", [e.reason for e in entries]),
            ],
            words=True,
        )
    else:
        lines = [f"None: all {len(suite.trials)} trials are done."]
    return [*lines, *_null_scores(suite)]


def _seed_text(trial: PlannedTrial) -> str:
    return f"{trial.seed}, initialisation {trial.initialisation}" if trial.initialisation else str(trial.seed)


def _null_scores(suite: SuiteRecords) -> list[str]:
    suffix = "_null_reason"
    groups: dict[tuple[str, str], list[PlannedTrial]] = {}
    for trial in sorted(suite.records):
        for key, reason in suite.records[trial].items():
            if key.endswith(suffix) and reason:
                groups.setdefault((key.removesuffix(suffix), in_one_line(reason)), []).append(trial)
    if not groups:
        return []
    lines = ["", "Scores that finished trials could not give (left out of means and pairs):", ""]
    for (score, reason), trials in sorted(groups.items()):
        first = [str(trial) for trial in trials[:3]]
        more = f" and {len(trials) - 3} more" if len(trials) > 3 else ""
        lines.append(f"- `{score}` in {len(trials)}: {reason} ({'; '.join(first)}{more})")
    return lines
