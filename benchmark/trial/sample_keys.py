"""What a record says of a model's samples: scores, leakage, and the images a report shows."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from benchmark.metrics.extractor_base import Extractor
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache
from benchmark.metrics.leakage import build_judge, leakage_scores, prepare_judge
from benchmark.metrics.memorisation import nearest_index
from benchmark.metrics.names import COUNTS, NOT_OF_SAMPLES, SETS_OF
from benchmark.metrics.own_metric import own_scores
from benchmark.metrics.score import ImageSets, ScoreValue, metric_sets, score_samples, suffixed
from benchmark.planning.seeds import seed_for
from benchmark.planning.work import Steps, probes_group
from benchmark.store.store import Record, Store
from pcvq2.trainer.randomness import derive_seed

if TYPE_CHECKING:
    from benchmark.families.contract import Model
    from benchmark.planning.trial import Trial
    from pcvq2.trainer.session import Progress

SHOWN = 32  # images of each kind kept for the report's grids


def sample_keys(
    trial: Trial, extractor: Extractor, sets: ImageSets, store: Store, steps: Steps
) -> tuple[Record, dict[str, bytes]]:
    """Score samples with the suite's extractor and with pixels beside it; keep images for the report."""
    scores: Record = {
        "extractor": extractor.name,
        "extractor_fingerprint": extractor.fingerprint,
        "extractor_accuracy": getattr(extractor, "accuracy", None),
        "samples": len(sets.generated),
        "references": len(sets.heldout),
        **feature_scores(trial, extractor, sets, store, steps),
    }
    if trial.own_metrics:
        scores["own_metrics"] = {metric.name: metric.shown for metric in trial.own_metrics}
    cache = FeatureCache(extractor, sets.heldout, store.features)
    return scores, {"images.npz": _shown(cache, sets)}


def feature_scores(
    trial: Trial, extractor: Extractor, sets: ImageSets, store: Store, steps: Steps, *, sampling: int = 0
) -> dict[str, ScoreValue]:
    """Return the scores of one set of samples in both kinds of features.

    These are the suite's metrics; of further samplings, those that samples can change.
    """
    seed, names = seed_for(trial, "scoring", sampling), trial.metrics
    if sampling:
        names = tuple(name for name in names if name in SETS_OF and name not in NOT_OF_SAMPLES)
    with steps.part(f"scores {sampling}"):
        cache = FeatureCache(extractor, sets.heldout, store.features)
        scores = score_samples(cache, sets, seed=seed, metrics=names)
        scores |= own_scores(trial.own_metrics, metric_sets(cache, sets, seed))
    if trial.extractor != "pixels":
        with steps.part(f"pixels {sampling}"):
            pixels = load_extractor("pixels", channels=trial.model.channels)
            cache = FeatureCache(pixels, sets.heldout, store.features)
            beside = score_samples(cache, sets, seed=seed, metrics=names)
        scores |= suffixed({k: v for k, v in beside.items() if k not in COUNTS}, "_pixels")
    return scores


def _shown(cache: FeatureCache, sets: ImageSets) -> bytes:
    """Return the images a report shows: samples beside the nearest real ones in the extractor's features."""
    samples = sets.generated[:SHOWN]
    features = cache.generated(samples)
    nearest_train = sets.train[nearest_index(features, cache.real(sets.train))]
    nearest_heldout = sets.heldout[nearest_index(features, cache.real(sets.heldout))]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        samples=samples,
        heldout=sets.heldout[:SHOWN],
        reconstructions=sets.reconstructions[:SHOWN],
        nearest_train=nearest_train,
        nearest_heldout=nearest_heldout,
    )
    return buffer.getvalue()


def prepare_probes(trial: Trial, heldout: Tensor, store: Store, progress: Progress) -> None:
    """Train the leakage probes of a data set and space, unless they are there or another trial is at them.

    Done before anything else: by the time trials that run beside this one come to be scored they are there.
    """
    if probes_group(trial) is not None:
        prepare_judge(
            heldout,
            trial.space,
            seed=_probing(trial),
            folder=store.probes,
            progress=lambda step, steps: progress("probes", step, steps),
        )


def leakage_keys(
    trial: Trial, heldout: Tensor, samples: Tensor, store: Store, steps: Steps, *, sampling: int = 0
) -> Record:
    """Return how much of the suite's augmentation appears in the samples."""
    if probes_group(trial) is None:
        return {}
    with steps.part(f"leakage {sampling}"):
        judge = build_judge(
            heldout,
            trial.space,
            seed=_probing(trial),
            folder=store.probes,
            progress=steps.aside("probes"),
            waiting=lambda: steps.aside("waiting for probes")(0, 1),
        )
        return leakage_scores(judge, samples, seed=seed_for(trial, "leakage", sampling) % 2**31)


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


def _probing(trial: Trial) -> int:
    """Return the seed of the one judge of all trials of a dataset and space."""
    return derive_seed(trial.fingerprint, "leakage") % 2**31
