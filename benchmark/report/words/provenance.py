"""Say how the numbers came about: protocol, environment, and the trials that gave none."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.reading.loading import PlannedTrial, SuiteRecords, TrialRecord, in_one_line
from benchmark.report.reading.protocol import PROTOCOL, protocol_record
from benchmark.report.reading.scores import number_in
from benchmark.report.words.formatting import listed, spread
from benchmark.report.words.tables import markdown
from benchmark.report.words.tuned import tuning_lines, tuning_of

# Parts of a trial that name it or that the report shows in a place of their own.
_NOT_SETTINGS = (
    "dataset",
    "budget",
    "seed",
    "initialisation",
    "space",
    "validation_images",
    "dataset_fingerprint",
)


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


def protocol_lines(comparison: SuiteComparison) -> list[str]:
    """Return the section's lines on how every trial was trained and measured."""
    summary, table = shared_settings_lines(comparison)
    details = ["", "<details>", f"<summary>{summary}</summary>", "", *table, "", "</details>"]
    return [*own_settings_lines(comparison), *(details if table else [])]


@remembered
def own_settings_lines(comparison: SuiteComparison) -> list[str]:
    """Return what was measured how, and what each strategy keeps to itself."""
    suite = comparison.suite
    records = [protocol_record(suite, dataset) for dataset in suite.datasets]
    fields = [(field, [_shown(record.get(field)) for record in records]) for field in PROTOCOL]
    return [
        "These hold for every record of a dataset; a report refuses to mix them.",
        "",
        *markdown([("dataset", suite.datasets), *fields], words=True),
        "",
        f"Augmentation space (ranges at strength 1): {_shown(dict(suite.augmentation_space), 600)}",
        "",
        *markdown(_strategy_columns(comparison), words=True),
        *tuning_lines(suite),
    ]


def shared_settings_lines(comparison: SuiteComparison) -> tuple[str, list[str]]:
    """Return a summary and the table of what all trials have in common; no lines where that is nothing."""
    suite = comparison.suite
    shared, _ = _settings(comparison)
    rows = sorted(shared.items())
    summary = f"{len(rows)} settings shared by all {len(suite.records)} finished trials"
    columns = [("setting", [k for k, _ in rows]), ("value", [_shown(v) for _, v in rows])]
    return summary, markdown(columns, words=True) if rows else []


@remembered
def environment_lines(comparison: SuiteComparison) -> list[str]:
    """Return the section's lines on versions, hardware, code and time; disagreeing records are all listed."""
    records = list(comparison.suite.records.values())
    seconds = sorted(s for r in records if (s := number_in(r, "wall_seconds")) is not None)
    rows = [(name, _values(records, key)) for name, key in _ENVIRONMENT]
    if seconds:
        total = f"{sum(seconds):.0f} (n = {len(seconds)} trials)"
        rows.append(("wall seconds, total", total))
        rows.append(
            ("wall seconds, median per trial", f"{statistics.median(seconds):.1f} (n = {len(seconds)})")
        )
    names = sorted({name for record in records for name in record.get("versions") or {}})
    for name in names:
        versions = [{"version": (record.get("versions") or {}).get(name)} for record in records]
        rows.append((f"version of {name}", _values(versions, "version")))
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


def _strategy_columns(comparison: SuiteComparison) -> list[tuple[str, list[str]]]:
    suite = comparison.suite
    groups = {
        name: [suite.records[t] for t in sorted(suite.records) if t.strategy == name]
        for name in suite.strategies
    }
    _, own = _settings(comparison)
    return [
        ("strategy", [f"`{name}`" for name in groups]),
        ("finished trials", [str(len(records)) for records in groups.values()]),
        ("class", [_values(records, "strategy_class") for records in groups.values()]),
        ("tuning", [tuning_of(suite, name) for name in groups]),
        ("settings of its own", [_listed_settings(own[name]) for name in groups]),
        ("parameters of the model", [_range(records, "parameters") for records in groups.values()]),
        ("prior steps", [_range(records, "prior_steps") for records in groups.values()]),
        ("images seen", [_range(records, "images_seen") for records in groups.values()]),
        ("validation images (from the budget)", [_range(r, "validation_images") for r in groups.values()]),
    ]


@remembered
def _settings(comparison: SuiteComparison) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split the trials' settings into those shared by all and those that one strategy keeps to itself."""
    suite = comparison.suite
    flat = {}
    for trial, record in suite.records.items():
        settings = record.get("trial") or {}
        flat[trial] = _flattened({key: settings[key] for key in settings if key not in _NOT_SETTINGS})
    shared = _in_common(flat.values())
    own = {}
    for name in suite.strategies:
        common = _in_common(settings for trial, settings in flat.items() if trial.strategy == name)
        own[name] = {key: value for key, value in common.items() if key not in shared}
    return shared, own


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{key}.")
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat


def _in_common(every: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    maps = list(every)
    if not maps:
        return {}
    first, rest = maps[0], maps[1:]
    return {k: v for k, v in first.items() if all(k in other and other[k] == v for other in rest)}


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


def _values(records: Iterable[TrialRecord], key: str) -> str:
    """Return the one value all records agree on, or every value with the number of records that have it."""
    counts: dict[str, int] = {}
    for record in records:
        text = _shown(record.get(key))
        counts[text] = counts.get(text, 0) + 1
    if len(counts) < 2:
        return "".join(counts) or "–"
    return listed([f"{text} ({count} trials)" for text, count in sorted(counts.items())])


def _range(records: Iterable[TrialRecord], key: str) -> str:
    numbers = [int(v) for record in records if (v := number_in(record, key)) is not None]
    return spread(numbers) if numbers else "–"


def _listed_settings(settings: Mapping[str, Any]) -> str:
    named = {key.removeprefix("strategy.").removeprefix("parameters."): v for key, v in settings.items()}
    return ", ".join(f"{key} {_shown(value)}" for key, value in sorted(named.items()) if key != "name") or "–"


def _shown(value: object, most: int = 120) -> str:
    if value is None:
        return "not recorded"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return f"`{in_one_line(text, most)}`"
