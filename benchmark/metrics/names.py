"""The names of the scores: importable without torch, so that a suite can be checked in a blink."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.errors import UserError, unknown_name
from benchmark.metrics.catalogue import CATALOGUE, OF_FEATURES

METRICS: dict[str, str] = {name: metric.about for name, metric in CATALOGUE.items()}
SETS_OF = {metric.name: metric.sets for metric in OF_FEATURES}  # what each score of features looks at
OF_POOL = frozenset(name for name, sets in SETS_OF.items() if "pool" in sets)
# the same whatever a model samples
NOT_OF_SAMPLES = frozenset(name for name, metric in CATALOGUE.items() if not metric.of_samples)
# held-out images without which a metric cannot be had at all; others are null then, with the reason
LEAST_HELDOUT = {name: metric.least_heldout for name, metric in CATALOGUE.items() if metric.least_heldout}
# beside these scores a record says how many images of each side they compare
COUNTS = {
    key: tuple(metric.name for metric in OF_FEATURES if key in metric.counts)
    for key in dict.fromkeys(key for metric in OF_FEATURES for key in metric.counts)
}

FIRST_JUDGE, _SMALL = 2, 32  # version of the judge of leakage, and px up to which it is that one


def check_metrics(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names, all of METRICS for None; UserError with a suggestion for an unknown one."""
    if names is None:
        return tuple(METRICS)
    for name in names:
        if name not in METRICS:
            raise UserError(*unknown_name("metric", name, METRICS))
    return tuple(names)


def judge_version(size: int) -> int:
    """Return which judge of leakage looks at images of so many pixels a side; scores of two are not mixed."""
    return (
        FIRST_JUDGE if size <= _SMALL else 3
    )  # 1 depended on memory layout and threads; 3: a quarter of 2's cost


def probe_steps(size: int) -> int:
    """Return for how many steps a leakage probe is trained on images of so many pixels a side."""
    return 600 if judge_version(size) == FIRST_JUDGE else 250
