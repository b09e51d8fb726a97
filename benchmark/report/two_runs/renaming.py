"""Tell data sets and strategies of two runs to be the same by what they are: names may have changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

from benchmark.report.reading.scores import TrialRecord
from benchmark.report.reading.suite_records import PlannedTrial, SuiteRecords


def under_the_names_of(first: SuiteRecords, second: SuiteRecords) -> SuiteRecords:
    """Return the second run with the first's names for what is the same: images, code and parameters.

    A name that both runs know is left as it is, whatever it stands for.
    """
    datasets = _new_names(first, second, lambda t: t.dataset, lambda r: r.get("dataset_fingerprint"))
    labels = _new_names(
        first, second, lambda t: t.strategy, lambda r: [(r.get("trial") or {}).get(k) for k in _OF_STRATEGY]
    )
    if not datasets and not labels:
        return second

    def renamed(trial: PlannedTrial) -> PlannedTrial:
        dataset, strategy = trial.dataset, trial.strategy
        return dataclasses.replace(
            trial, dataset=datasets.get(dataset, dataset), strategy=labels.get(strategy, strategy)
        )

    return dataclasses.replace(
        second,
        trials=tuple(renamed(trial) for trial in second.trials),
        records={
            (new := renamed(trial)): {**record, "dataset": new.dataset, "strategy": new.strategy}
            for trial, record in second.records.items()
        },
        unfinished=tuple(dataclasses.replace(u, trial=renamed(u.trial)) for u in second.unfinished),
        choices={labels.get(label, label): choice for label, choice in second.choices.items()},
        baseline=labels.get(second.baseline, second.baseline) if second.baseline else second.baseline,
    )


_OF_STRATEGY = ("strategy", "model")


def _new_names(
    first: SuiteRecords,
    second: SuiteRecords,
    name_of: Callable[[PlannedTrial], str],
    content_of: Callable[[TrialRecord], object],
) -> dict[str, str]:
    """Map the second run's names that the first does not know to those that have the same content there."""
    known, other = _contents(first, name_of, content_of), _contents(second, name_of, content_of)
    free = {content: name for name, content in known.items() if name not in other}
    return {name: free[content] for name, content in other.items() if name not in known and content in free}


def _contents(
    suite: SuiteRecords, name_of: Callable[[PlannedTrial], str], content_of: Callable[[TrialRecord], object]
) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for trial, record in suite.records.items():
        content = content_of(record)
        if content not in (None, [None, None]):
            found.setdefault(name_of(trial), set()).add(json.dumps(content, sort_keys=True))
    return {name: frozenset(contents) for name, contents in found.items()}
