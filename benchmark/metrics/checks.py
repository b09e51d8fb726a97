"""Batteries for what a user brings: `check_metric(MyScore)`, `check_extractor(MyFeatures)`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.metrics.own_metric import MetricError, MetricSets, OwnMetric, described, numbers_of
from strategies.contract.answers import said

Images = NDArray[np.uint8]
_SIDE, _SIZES = 16, {"generated": 40, "heldout": 40, "train": 24, "reconstructions": 40}
_FEATURES = 8  # numbers that stand in for an image's features


class ExtractorError(AssertionError):
    """An extractor broke a rule of the contract; the message names both."""


def check_metric(kind: type[Any]) -> None:
    """Run the battery on a class. Raises MetricError naming the rule broken.

    Its declaration can be read; on grey and colour images a score is a finite number, or finite numbers by
    name; the same sets have the same score, of a fresh instance too; sets are left as they are; the global
    generators of torch, NumPy and Python are left alone.
    """
    metric = described(kind)
    for channels in (1, 3):
        images = {name: _pictures(count, channels) for name, count in _SIZES.items()}
        before = {name: pixels.copy() for name, pixels in images.items()}
        with _generators_untouched(MetricError, f"metric '{metric.name}'"):
            own = kind()
            first = _answer(metric, own, images)
            again = [_answer(metric, own, images), _answer(metric, kind(), images)]
        for key, value in first.items():
            if not math.isfinite(value):
                raise MetricError(f"metric '{metric.name}': '{key}' is {value} on {channels}-channel images")
        if any(other != first for other in again):
            raise MetricError(f"metric '{metric.name}': the same sets have other scores the next time")
        if any(not np.array_equal(images[name], before[name]) for name in images):
            raise MetricError(f"metric '{metric.name}' changes the images it is shown")


def try_metric(metric: OwnMetric, images: Mapping[str, Images]) -> None:
    """Ask for one score of some images: the cheap part of the battery. Raises MetricError.

    What is not finite may be so for want of images, and is no mistake.
    """
    with _generators_untouched(MetricError, f"metric '{metric.name}'"):
        try:
            kind = metric.code.load()
            _answer(metric, kind(), images)
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise MetricError(said(error).removeprefix("MetricError: ")) from error


def _answer(metric: OwnMetric, own: Any, images: Mapping[str, Images]) -> dict[str, float]:
    """Score images whose features are means of their parts."""
    features = {name: _coarse(pixels) for name, pixels in images.items()}
    return numbers_of(metric, own.score(MetricSets(images, features.__getitem__, seed=0)))


def _coarse(images: Images) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    return np.stack([part.mean(axis=1) for part in np.array_split(flat, _FEATURES, axis=1)], axis=1)


def _pictures(count: int, channels: int) -> Images:
    """Return smooth random images, other ones for each number of them. (count, 16, 16, channels)"""
    coarse = np.random.default_rng(count).integers(0, 256, (count, _SIDE // 4, _SIDE // 4, channels))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)


def check_extractor(make: Callable[[], Any]) -> None:
    """Run the battery on fresh extractors from `make`. Raises ExtractorError naming the rule broken.

    Features are finite numbers (N, D) for grey and colour images, D the same for any N; each image's are
    the same whatever stands beside it, and the next time; images are left as they are; the global generators
    of torch, NumPy and Python are left alone.
    """
    for channels in (1, 3):
        with _generators_untouched(ExtractorError, "extractor"):
            _check_features(make, _pictures(12, channels))


def _check_features(make: Callable[[], Any], images: Images) -> None:
    first, before = _fitted(make, images), images.copy()
    features = _features(first, images)
    if features.ndim != 2 or len(features) != len(images):
        raise ExtractorError(f"extractor returns shape {features.shape} for {len(images)} images, not (N, D)")
    if not np.isfinite(features).all():
        raise ExtractorError("extractor returns numbers that are not finite")
    if not np.array_equal(images, before):
        raise ExtractorError("extractor changes the images it is shown")
    for other in (first, _fitted(make, images)):
        if not np.array_equal(_features(other, images), features):
            raise ExtractorError("extractor: the same images have other features the next time")
    if not np.allclose(_features(first, images[:5]), features[:5], rtol=1e-4, atol=1e-5):
        raise ExtractorError("extractor: an image's features depend on the images beside it")


def _fitted(make: Callable[[], Any], images: Images) -> Any:
    own = make()
    if hasattr(own, "fit"):
        own.fit(images.copy())
    return own


def _features(own: Any, images: Images) -> NDArray[np.float64]:
    found = own(images)
    found = found.detach().cpu().numpy() if hasattr(found, "detach") else found
    return np.asarray(found, dtype=np.float64)


@contextmanager
def _generators_untouched(error: type[AssertionError], who: str) -> Iterator[None]:
    """Raise unless the global generators are left as they were found; put them back then."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    yield
    after = torch.get_rng_state(), np.random.get_state(), random.getstate()
    same = torch.equal(before[0], after[0]) and repr(before[1:]) == repr(after[1:])
    torch.set_rng_state(before[0])
    np.random.set_state(before[1])
    random.setstate(before[2])
    if not same:
        raise error(f"{who} draws from a global generator; draw from one of its own, e.g. default_rng(0)")
