"""Score further sets of samples of a trained model: how much of a score is sampling noise?"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmark.metrics.score import COUNTS

if TYPE_CHECKING:
    from benchmark.planning.work import Steps
    from benchmark.store.store import Record
    from benchmark.trial.sample_keys import Sampler


def repeated_keys(sampler: Sampler, first: Record, steps: Steps) -> Record:
    """Draw the trial's further sets; return every score of all sets, the first among them. {} for one set.

    `repeated_scores` maps each score to a list in the order of samplings; None where one has no value, with
    the reasons in `repeated_scores_null_reason`. `repeated_seconds` is what the further sets took.
    """
    count = sampler.trial.samplings
    if count < 2:
        return {}
    start, sets = time.perf_counter(), [first]
    for sampling in range(1, count):
        sets.append(sampler.scores(sampling, steps))
    names = [name for name in sets[-1] if _is_score(name) and any(_has_number(s, name) for s in sets)]
    keys: Record = {
        "repeated_scores": {name: [scores.get(name) for scores in sets] for name in names},
        "repeated_seconds": time.perf_counter() - start,
    }
    reasons = list(_reasons(sets, names))
    return keys | ({"repeated_scores_null_reason": "; ".join(reasons)} if reasons else {})


def _reasons(sets: list[Record], names: list[str]) -> Iterable[str]:
    for sampling, scores in enumerate(sets):
        for name in names:
            if not _has_number(scores, name):
                yield f"{name}, sampling {sampling}: {scores.get(f'{name}_null_reason', 'no reason given')}"


def _has_number(scores: Record, name: str) -> bool:
    return isinstance(scores.get(name), int | float)


def _is_score(name: str) -> bool:
    return name not in COUNTS and not name.endswith(("_low", "_high", "_null_reason"))
