"""`bench eval`: score any folder, zip or npz of images against another, without a suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmark.data.array_files import read_npz
from benchmark.data.checking import open_place
from benchmark.data.decoding import Shape
from benchmark.data.paths import full_path, kind_at
from benchmark.data.sources import NAME_A_SIZE, read_place
from benchmark.errors import BenchError, UserError, unknown_name
from benchmark.metrics.extractor_base import Extractor, Images
from benchmark.metrics.extractors import load_extractor
from benchmark.metrics.feature_cache import FeatureCache, content_hash
from benchmark.metrics.names import METRICS, SETS_OF
from benchmark.metrics.own_metric import OwnMetric, find_metric, own_scores
from benchmark.metrics.score import ImageSets, metric_sets, score_samples
from benchmark.own import METRIC_POINTS, installed_names, is_own
from benchmark.store.environment import git_commit, processor, versions
from pcvq2.trainer.whole_file import write_whole

SMALLEST = 8  # pixels a side
_ONE_SIZE = "bring them to one square size first: resizing in passing changes every score"


@dataclass(frozen=True)
class Places:
    """Where the images lie, each a folder, a zip or an npz."""

    real: Path
    fake: Path
    train: Path | None = None


def evaluate(
    places: Places,
    *,
    extractor: str = "random",
    device: str = "cpu",
    cache: Path | None = None,
    metrics: Sequence[str] = (),
) -> dict[str, Any]:
    """Return every score of the fake images against the real ones, ready for JSON.

    Images are brought to the size and channels of the first real image (others are refused), and
    shuffled once, because file names often sort by class. With training images, memorisation is scored as
    well; without, those scores are left out. Raises UserError for images that cannot be compared.
    """
    own = [found_metric(name) for name in metrics if name not in METRICS]
    real = _read(places.real)
    sets = {"real": real, "fake": _read(places.fake)}
    if places.train is not None:
        sets["train"] = _read(places.train)
    _check_shapes(places, sets)
    images = ImageSets(
        heldout=sets["real"],
        generated=sets["fake"],
        train=sets.get("train", real[:0]),
        pool=sets.get("train", real[:0]),
    )
    network = load_extractor(extractor, channels=real.shape[3], device=device)
    try:
        features = FeatureCache(network, real, cache)
        scores = score_samples(features, images, seed=0, metrics=_metrics(sets, metrics))
        scores |= own_scores(own, metric_sets(features, images, 0))
    except UserError:
        raise
    except BenchError as error:
        raise UserError(f"extractor '{extractor}' cannot take these images", str(error)) from error
    about = {"own_metrics": {metric.name: metric.shown for metric in own}} if own else {}
    return _about(places, sets, network) | about | scores


def found_metric(name: str) -> OwnMetric:
    """Return a metric of the user's own. Raises UserError for a name that is none, and none built in."""
    if not is_own(name, METRIC_POINTS):
        raise UserError(*unknown_name("metric", name, [*METRICS, *installed_names(METRIC_POINTS)]))
    return find_metric(name)


def write_json(result: dict[str, Any], path: Path) -> None:
    """Write the result whole or not at all. Raises UserError where that is not possible."""
    try:
        write_whole(path, (json.dumps(result, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error})", "name another file with --output") from error


def score_table(result: dict[str, Any]) -> Table:
    """Lay the scores out for a terminal: value, interval over images, and why one has no value."""
    compared, real, fake = (result.get(f"{key}_images") for key in ("score", "real", "fake"))
    title = f"{fake} fake against {real} real images, {result['extractor']}"
    if compared is not None and not compared == real == fake:
        title += f"; scores compare {compared} of each"
    table = Table("score", "value", "95 % over images", "", box=None, pad_edge=False, title=title)
    own = result.get("own_metrics", {})
    scored = [key for key in result if key not in METRICS and not key.endswith("_null_reason")]
    parts = [key for key in scored if any(key == name or key.startswith(f"{name}_") for name in own)]
    for name in [*(name for name in METRICS if name in result), *parts]:
        value, low, high = (result.get(key) for key in (name, f"{name}_low", f"{name}_high"))
        interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
        shown = "null" if value is None else f"{value:.4g}"
        table.add_row(name, shown, interval, result.get(f"{name}_null_reason", ""))
    return table


def _metrics(sets: dict[str, Images], asked: Sequence[str] = ()) -> list[str]:
    """Leave out what needs reconstructions, a pool beyond the training images, or absent training images.

    Raises UserError where one of those was asked for.
    """
    absent = {"reconstructions"} | (set() if "train" in sets else {"train"})
    beyond_a_pool = ("fid_pool", "fid_heldout_minus_pool")
    able = [m for m in METRICS if m in SETS_OF and m not in beyond_a_pool and not absent & set(SETS_OF[m])]
    for name in asked:
        if name in METRICS and name not in able:
            raise UserError(
                f"metric '{name}' cannot be had of these images",
                "name --train for scores of memorisation; reconstructions, pools and leakage are a suite's",
            )
    return [name for name in able if not asked or name in asked]


def _read(place: Path) -> Images:
    """Read a folder, a zip or an npz into uint8 images (N, H, W, C), shuffled."""
    path = full_path(str(place))
    kind = kind_at(path)
    if kind == "packed":
        raise UserError(f"{place}: holds packed images", "name the folder or zip that they were packed from")
    try:
        loaded = (
            read_npz(path, Shape()) if kind == "npz" else read_place(open_place(f"{kind}:{path}"), Shape())
        )
    except UserError as error:
        hint = _ONE_SIZE if error.hint == NAME_A_SIZE else error.hint  # a command without that setting
        raise UserError(error.message, hint) from error
    if loaded.test is not None:
        named = f"name one of them, e.g. {place / 'test'}" if kind == "folder" else "write one set alone"
        split = next(note for note in loaded.notes if note.startswith("split: ")).removeprefix("split: ")
        raise UserError(f"{place}: holds {split}, so it is not one set of images", named)
    return loaded.pool[np.random.default_rng(0).permutation(len(loaded.pool))]


def _check_shapes(places: Places, sets: dict[str, Images]) -> None:
    height, width, channels = sets["real"].shape[1:]
    if min(height, width) < SMALLEST:
        raise UserError(
            f"{places.real}: images of {width}x{height} pixels", f"at least {SMALLEST} a side are needed"
        )
    for name, images in sets.items():
        place = getattr(places, name)
        if images.shape[1:3] != (height, width):
            raise UserError(
                f"{place}: images of {images.shape[2]}x{images.shape[1]} pixels, "
                f"those in {places.real} have {width}x{height}",
                _ONE_SIZE,
            )
        if images.shape[3] != channels:
            kinds = {1: "grey", 3: "colour"}
            raise UserError(
                f"{place}: {kinds[images.shape[3]]} images, those in {places.real} are {kinds[channels]}",
                "convert one of the two; scores of different channels cannot be compared",
            )
        if len(images) < 2:
            raise UserError(f"{place}: holds 1 image", "at least 2 are needed for any score")


def _about(places: Places, sets: dict[str, Images], extractor: Extractor) -> dict[str, Any]:
    return {
        **{name: str(getattr(places, name)) for name in sets},
        **{f"{name}_images": len(images) for name, images in sets.items()},
        **{f"{name}_fingerprint": content_hash(images) for name, images in sets.items()},
        "extractor": extractor.name,
        "extractor_fingerprint": extractor.fingerprint,
        "versions": versions(),
        "hardware": processor(),
        "git_commit": git_commit(),
    }
