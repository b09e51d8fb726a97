"""Try a trial's metrics of the user's own before any training."""

from __future__ import annotations

import numpy as np

from benchmark.data import load_dataset
from benchmark.errors import UserError
from benchmark.metrics.own_metric import MetricError
from benchmark.planning.trial import Trial

_MOST = 256  # images of each set


def refuse_failing_metrics(trial: Trial) -> None:
    """Raise UserError where a metric fails on real images in place of generated ones.

    As many of each set as the trial has, 256 at the most; numbers that are not finite pass.
    """
    if not trial.own_metrics:
        return
    from benchmark.metrics.checks import try_metric

    dataset = load_dataset(trial.dataset)
    heldout = dataset.heldout[:_MOST]
    count = min(_MOST, trial.budget - trial.validation_images)
    images = {
        "generated": np.roll(heldout, 1, axis=0)[: trial.samples],
        "heldout": heldout,
        "train": dataset.train[:count],
        "reconstructions": heldout,
    }
    for metric in trial.own_metrics:
        try:
            try_metric(metric, images)
        except MetricError as error:
            raise UserError(
                f"metric '{metric.code}' fails on {len(heldout)} images of '{trial.dataset.name}'", str(error)
            ) from error
