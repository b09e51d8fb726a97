"""Give each trial its feature extractor, and find out before any training whether that will work."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data import Dataset, load_dataset
from benchmark.errors import UserError
from benchmark.metrics.extractor_base import Extractor
from benchmark.metrics.extractors import EXTRACTORS, load_extractor
from benchmark.own import Own
from benchmark.planning.trial import Trial

_UNLABELLED = "Known to have labels: digits and torchvision's sets. Name another extractor, e.g. random"


def extractor_of(trial: Trial, dataset: Dataset, folder: Path, device: str) -> Extractor:
    """Build the extractor of a trial; a classifier is trained, or restored from `folder`, first."""
    if _needs(trial) != "labels":
        return load_extractor(trial.extractor, channels=dataset.channels, device=device)
    from benchmark.metrics.classifier import Classifier, Labelled

    labels, heldout_labels = dataset.train_labels, dataset.heldout_labels
    if labels is None or heldout_labels is None:
        raise UserError(_unlabelled(trial, dataset), _UNLABELLED)
    labelled = Labelled(dataset.train[:], labels, dataset.heldout, heldout_labels, folder)
    return Classifier(labelled, device=device)


def refuse_unusable_extractor(trial: Trial) -> None:
    """Raise UserError when a trial's extractor lacks a file, a package or labels, or is not one at all."""
    if _needs(trial) == "nothing":
        return
    if _needs(trial) == "labels":
        dataset = load_dataset(trial.dataset)
        if dataset.train_labels is None or dataset.heldout_labels is None:
            raise UserError(_unlabelled(trial, dataset), _UNLABELLED)
        return
    extractor = load_extractor(trial.extractor, channels=trial.model.channels)
    if isinstance(trial.extractor, Own):
        _try_out(extractor, trial)


def _needs(trial: Trial) -> str:
    """Return what a built-in extractor needs; "its code" for one of the user's own."""
    name = trial.extractor
    return EXTRACTORS[name].needs if isinstance(name, str) and name in EXTRACTORS else "its code"


def _try_out(extractor: Extractor, trial: Trial) -> None:
    """Ask an extractor of the user's own about some held-out images."""
    from benchmark.metrics.feature_cache import FeatureCache

    images = load_dataset(trial.dataset).heldout[:4]
    try:
        features = FeatureCache(extractor, images).generated(images)
    except Exception as error:  # the user's code may raise anything
        raise UserError(
            f"extractor '{trial.extractor}' fails on {len(images)} images of '{trial.dataset.name}'",
            f"{type(error).__name__}: {error}".replace("\n", " "),
        ) from error
    if not np.isfinite(features).all():
        raise UserError(
            f"extractor '{trial.extractor}' returns numbers that are not finite", "features must be finite"
        )


def _unlabelled(trial: Trial, dataset: Dataset) -> str:
    lacking = f"extractor 'classifier' needs labels, which dataset '{trial.dataset.name}' does not have"
    return f"{lacking}: {dataset.unlabelled}" if dataset.unlabelled else lacking
