"""Say how every trial was trained and measured, and what each strategy keeps to itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.reading.protocol import protocol_fields, protocol_record
from benchmark.report.words.agreement import range_phrase, shown_value, values_phrase
from benchmark.report.words.markdown import markdown
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
    fields = [
        (field, [shown_value(record.get(field)) for record in records]) for field in protocol_fields(suite)
    ]
    return [
        "These hold for every record of a dataset; a report refuses to mix them.",
        "",
        *markdown([("dataset", suite.datasets), *fields], words=True),
        "",
        f"Augmentation space (ranges at strength 1): {shown_value(dict(suite.augmentation_space), 600)}",
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
    columns = [("setting", [k for k, _ in rows]), ("value", [shown_value(v) for _, v in rows])]
    return summary, markdown(columns, words=True) if rows else []


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
        ("class", [values_phrase(records, "strategy_class") for records in groups.values()]),
        ("tuning", [tuning_of(suite, name) for name in groups]),
        ("settings of its own", [_listed_settings(own[name]) for name in groups]),
        ("parameters of the model", [range_phrase(records, "parameters") for records in groups.values()]),
        ("prior steps", [range_phrase(records, "prior_steps") for records in groups.values()]),
        ("images seen", [range_phrase(records, "images_seen") for records in groups.values()]),
        (
            "validation images (from the budget)",
            [range_phrase(r, "validation_images") for r in groups.values()],
        ),
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


def _listed_settings(settings: Mapping[str, Any]) -> str:
    named = {key.removeprefix("strategy.").removeprefix("parameters."): v for key, v in settings.items()}
    return (
        ", ".join(f"{key} {shown_value(value)}" for key, value in sorted(named.items()) if key != "name")
        or "–"
    )
