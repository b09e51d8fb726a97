"""Draw further sets of samples from a trained model and score each: how much of a score is sampling noise?"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from torch import Tensor

from benchmark.families.contract import Model
from benchmark.metrics.extractor_base import Extractor
from benchmark.metrics.score import COUNTS, ImageSets
from benchmark.planning.seeds import seed_for
from benchmark.planning.trial import Trial
from benchmark.planning.work import Steps
from benchmark.store.store import Record, Store
from benchmark.trial.sample_keys import feature_scores, leakage_keys


@dataclass(frozen=True)
class Sampler:
    """Draw and score the n-th set of samples of a trained model, as the first was drawn and scored."""

    trial: Trial
    model: Model
    extractor: Extractor
    sets: ImageSets  # what the first set was compared with
    heldout: Tensor
    store: Store

    def scores(self, sampling: int, steps: Steps) -> Record:
        """Return the sample scores of a set; all strategies share the noise of a `sampling`."""
        trial = self.trial
        with steps.part(f"sampling {sampling}"):
            samples = self.model.sample(
                trial.samples,
                seed=seed_for(trial, "sampling", sampling),
                progress=lambda done, count: steps.report(),
            )
        drawn = replace(self.sets, generated=samples.permute(0, 2, 3, 1).cpu().numpy())
        found: Record = dict(
            feature_scores(trial, self.extractor, drawn, self.store, steps, sampling=sampling)
        )
        return found | leakage_keys(trial, self.heldout, samples, self.store, steps, sampling=sampling)


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
