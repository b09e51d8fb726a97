"""A metric of the user's own, of a file or an installed package: `metrics: [fid, ./mine.py:MyScore]`."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import UserError
from benchmark.metrics.record_keys import why_taken
from benchmark.own import METRIC_POINTS, Own, find_own
from strategies.contract.answers import said

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BETTER = ("lower", "higher", "")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class MetricError(AssertionError):
    """A metric broke a rule of the contract; the message names both."""


@dataclass(frozen=True)
class OwnMetric:
    """Describe a metric: its key in records, how tables show it, and the code."""

    name: str
    title: str
    better: str
    about: str
    code: Own

    @property
    def key(self) -> dict[str, str]:
        """Return what decides its value, as JSON values: its key in records, and the code behind it."""
        return self.code.key | {"key": self.name}

    @property
    def shown(self) -> dict[str, str]:
        """Return what a record says of it, for whoever reads the record."""
        about = {"title": self.title, "better": self.better, "about": self.about}
        return about | {"source_hash": self.code.source_hash}


class MetricSets:
    """What a metric is shown: sets of images, and their features in the suite's extractor.

    generated, heldout, train, reconstructions: uint8 (N, H, W, C), read-only; train is what the model was
    trained on, reconstructions are those of `heldout`, in its order. Sets differ in size, and a set that
    there is none of is empty. seed: for whatever a metric draws.
    """

    def __init__(
        self,
        images: Mapping[str, NDArray[np.uint8]],
        features: Callable[[str], NDArray[np.floating]],
        seed: int,
    ) -> None:
        """Hold sets by name; `features` is asked when a metric asks."""
        self._images = {name: _read_only(pixels) for name, pixels in images.items()}
        self._features, self.seed = features, seed

    @property
    def generated(self) -> NDArray[np.uint8]:
        """Return the images the model drew."""
        return self._images["generated"]

    @property
    def heldout(self) -> NDArray[np.uint8]:
        """Return real images that no model was trained on."""
        return self._images["heldout"]

    @property
    def train(self) -> NDArray[np.uint8]:
        """Return the real images that the model was trained on."""
        return self._images["train"]

    @property
    def reconstructions(self) -> NDArray[np.uint8]:
        """Return what the model makes of `heldout`."""
        return self._images["reconstructions"]

    def features(self, which: str = "generated") -> NDArray[np.floating]:
        """Return features (N, D) of a set by its name. Raises KeyError."""
        if which not in self._images:
            raise KeyError(f"no set '{which}'; known: {', '.join(self._images)}")
        return _read_only(self._features(which))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array[:]
    view.flags.writeable = False
    return view


def find_metric(text: str, base: Path = Path()) -> OwnMetric:
    """Resolve `path.py:Class`, relative to a folder, or an installed name. Raises UserError."""
    try:
        code = find_own(text, METRIC_POINTS, base)
        if code is None:
            raise LookupError(f"no package brings '{text}'")
        return described(code.load(), code)
    except MetricError as error:
        raise UserError(f"metric '{text}' breaks a rule", str(error)) from error
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise UserError(
            f"metric '{text}' cannot be loaded ({said(error)})",
            "it must name a class with score(self, sets) -> float: ./mine.py:MyScore (bench new metric NAME)",
        ) from error


def described(kind: Any, code: Own | None = None) -> OwnMetric:
    """Read a class's declaration. Raises MetricError."""
    if not inspect.isclass(kind) or not callable(getattr(kind, "score", None)):
        raise MetricError(f"{kind!r} is no class with score(self, sets) -> float")
    name = getattr(kind, "name", None) or re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    title, better = getattr(kind, "title", None), getattr(kind, "better", "")
    about = getattr(kind, "about", None) or (kind.__doc__ or "").strip().partition("\n")[0]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 60:
        raise MetricError(f"{kind.__name__}: `name` is {name!r}; small letters, digits and _ make a key")
    if taken := why_taken(name):
        raise MetricError(f"{kind.__name__}: `name` is '{name}', {taken}; choose another")
    if better not in _BETTER:
        raise MetricError(f"{kind.__name__}: `better` is {better!r}; it is 'lower', 'higher' or ''")
    for key, value in {"title": title, "about": about}.items():
        if value is not None and not isinstance(value, str):
            raise MetricError(f"{kind.__name__}: `{key}` is {value!r}, no text")
    own = code or Own(kind.__name__, "")
    return OwnMetric(name, " ".join((title or name.replace("_", " ")).split()), better, about, own)


def own_scores(metrics: Sequence[OwnMetric], sets: MetricSets) -> dict[str, Any]:
    """Return every metric's number under its name, or its numbers under `name_part`.

    What raises or is not finite is None, with the reason in `name_null_reason`: a trained model is not lost
    to a mistake in a metric.
    """
    scores: dict[str, Any] = {}
    for metric in metrics:
        try:
            found = numbers_of(metric, metric.code.load()().score(sets))
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            scores |= {metric.name: None, f"{metric.name}_null_reason": " ".join(said(error).split())}
            continue
        for key, value in found.items():
            scores[key] = value if math.isfinite(value) else None
            if not math.isfinite(value):
                scores[f"{key}_null_reason"] = f"score() returned {value}"
    return scores


def numbers_of(metric: OwnMetric, answer: Any) -> dict[str, float]:
    """Return a metric's numbers by their keys in records. Raises MetricError for what is no number."""
    parts = answer if isinstance(answer, Mapping) else {"": answer}
    found: dict[str, float] = {}
    for part, value in parts.items():
        if not isinstance(part, str) or (part and not re.fullmatch(r"[a-z0-9_]+", part)):
            raise MetricError(f"score() names a part {part!r}; small letters, digits and _ make a key")
        key = f"{metric.name}_{part}" if part else metric.name
        if part and (taken := why_taken(key)):
            raise MetricError(f"score() names a part '{part}', so that '{key}' is {taken}")
        found[key] = _number(value)
    if not found:
        raise MetricError("score() returned no number")
    return found


def _number(value: Any) -> float:
    item = value.item() if getattr(value, "shape", None) == () else value  # of NumPy and torch
    if isinstance(item, bool) or not isinstance(item, Real):
        shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
        raise MetricError(f"score() returned {type(value).__name__}{shape}, not a number")
    return float(item)
