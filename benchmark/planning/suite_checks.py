"""What a suite's parts must be to each other: names known and used once, nothing tuned on what judges it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from benchmark.errors import UserError, is_one_line, shown, unknown_name
from benchmark.metrics.extractors import EXTRACTORS
from benchmark.metrics.names import METRICS, NOT_OF_SAMPLES
from benchmark.own import EXTRACTOR_POINTS, METRIC_POINTS, installed_names, is_own
from benchmark.planning.yaml_file import Location

if TYPE_CHECKING:
    from benchmark.planning.suite import Suite

_MOST_TRIALS = 100_000


def check_suite(suite: Suite) -> None:
    """Check what one key alone cannot tell. Raises UserError."""
    settings = suite.settings
    labels = [entry.shown for entry in settings.strategies]
    if not is_one_line(suite.name):
        raise UserError(f"{str(suite.file.path)!a}: this name cannot be printed", "rename the file")
    for key, names in (
        ("strategies", labels),
        ("datasets", [d.name for d in settings.datasets]),
        ("budgets", [str(b) for b in settings.budgets]),
        ("seeds", [str(s) for s in settings.seeds]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                hint = "give one of them a `label`" if key == "strategies" else "each may stand once"
                raise suite.error((key, index), f"{key}: {shown(name)} stands twice", hint)
    if settings.baseline not in labels:
        message, hint = unknown_name("baseline", settings.baseline, labels)
        if "baseline" not in settings.model_fields_set:
            message = f"no strategy is called '{settings.baseline}', and no `baseline` is named"
        raise suite.error(("baseline",), message, hint)
    _check_tuning(suite)
    _check_trials(suite)
    evaluation = settings.evaluation
    _check_named(suite, ("evaluation", "extractor"), evaluation.extractor, (EXTRACTORS, EXTRACTOR_POINTS))
    for index, metric in enumerate(evaluation.metrics):
        _check_named(suite, ("evaluation", "metrics", index), metric, (METRICS, METRIC_POINTS))
    samplings = settings.repeats.samplings
    if samplings > 1 and NOT_OF_SAMPLES.issuperset(evaluation.metrics):
        raise suite.error(
            ("repeats", "samplings"),
            f"samplings: {samplings}, but `evaluation: metrics` names no score of samples",
            "name one, e.g. fid or kid, or leave out `samplings`",
        )


def _check_named(suite: Suite, location: Location, name: str, known: tuple[Collection[str], str]) -> None:
    """Refuse a name that is neither built in nor one of the user's own, of a file or a package."""
    builtin, group = known
    if name not in builtin and not is_own(name, group):
        kind = "extractor" if location[1] == "extractor" else "metric"
        raise suite.error(location, *unknown_name(kind, name, [*builtin, *installed_names(group)]))


def _check_trials(suite: Suite) -> None:
    """Refuse a product nobody can have meant: it would fill the memory before the first training."""
    settings = suite.settings
    parts = [
        (len(settings.datasets), "datasets"),
        (len(settings.budgets), "budgets"),
        (len(settings.strategies), "strategies"),
        (len(settings.seeds), "seeds"),
        (settings.repeats.initialisations, "initialisations"),
    ]
    count = math.prod(number for number, _ in parts)
    if count > _MOST_TRIALS:
        most = max(parts)
        place = ("repeats", "initialisations") if most[1] == "initialisations" else (most[1],)
        named = " x ".join(f"{number:,} {name}" for number, name in parts if number > 1)
        raise suite.error(place, f"{count:,} trials: {named}", f"a suite holds at most {_MOST_TRIALS:,}")


def _check_tuning(suite: Suite) -> None:
    """Refuse a strategy that was tuned on what the suite then compares it on."""
    for index, entry in enumerate(suite.settings.strategies):
        shared = set(entry.tuning.seeds if entry.tuning else ()) & set(suite.settings.seeds)
        if shared:
            raise suite.error(
                ("strategies", index, "tuning", "seeds"),
                f"'{entry.shown}' was tuned on seeds of the suite: {', '.join(map(str, sorted(shared)))}",
                "tune on seeds that the suite does not use: `bench tune` takes such",
            )
