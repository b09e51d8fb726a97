"""Turn images into features: the extractors a suite may name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from benchmark.errors import UserError, unknown_name
from benchmark.metrics.extractor_base import Extractor
from benchmark.own import EXTRACTOR_POINTS, Own, find_own, installed_names

Need = Literal["nothing", "weights", "labels"]


def _random(channels: int, device: str) -> Extractor:
    from benchmark.metrics.random_network import RandomNetwork

    return RandomNetwork(channels, device=device)


def _pixels(channels: int, device: str) -> Extractor:
    from benchmark.metrics.pixels import PixelComponents

    return PixelComponents(channels)


def _inception(channels: int, device: str) -> Extractor:
    from benchmark.metrics.inception import Inception

    return Inception(channels, device=device)


def _transformer(name: str, channels: int, device: str) -> Extractor:
    from benchmark.metrics.vision_transformer import VisionTransformer

    return VisionTransformer(name, channels, device=device)


def _classifier(channels: int, device: str) -> Extractor:
    raise UserError(
        "extractor 'classifier' needs labels, which a plain set of images does not have",
        "use it in a suite on a labelled dataset: digits",
    )


@dataclass(frozen=True)
class Entry:
    """Describe a built-in extractor.

    needs: nothing, its weights file, or labels (which benchmark.trial.extractor_of gives it).
    timm: whether that package builds it.
    """

    about: str
    build: Callable[[int, str], Extractor]  # of channels and device
    needs: Need = "nothing"
    timm: bool = False


EXTRACTORS: dict[str, Entry] = {
    "random": Entry(
        "untrained three-layer convolutional network, fixed weights: needs no file, fits any domain", _random
    ),
    "pixels": Entry("32 principal components of the reference images' pixels", _pixels),
    "inception": Entry(
        "clean-fid's Inception v3 with clean-fid's resizing; needs its weights file", _inception, "weights"
    ),
    "clip": Entry(
        "CLIP's ViT-B/32 with clean-fid's resizing; needs its weights file and timm",
        partial(_transformer, "clip"),
        "weights",
        timm=True,
    ),
    "dinov2": Entry(
        "DINOv2's ViT-L/14 at 224 px; needs its weights file and timm",
        partial(_transformer, "dinov2"),
        "weights",
        timm=True,
    ),
    "classifier": Entry(
        "small network taught the labels of the training pool; needs a labelled dataset (digits)",
        _classifier,
        "labels",
    ),
}


def load_extractor(name: str | Own, *, channels: int, device: str = "cpu") -> Extractor:
    """Build the extractor of that name, or the user's own, for images of 1 or 3 channels.

    `path.py:Class` is relative to the working folder.

    One that needs labels comes from benchmark.trial.extractor_of, which knows them.
    Raises UserError for an unknown name, MissingWeights when a weights file is not there.
    """
    if channels not in (1, 3):
        raise UserError(f"extractor '{name}' got images of {channels} channels", "Allowed: 1, 3")
    if isinstance(name, str) and name in EXTRACTORS:
        return EXTRACTORS[name].build(channels, device)
    own = name if isinstance(name, Own) else _own(name)
    from benchmark.metrics.own_extractor import OwnExtractor

    return OwnExtractor(own, channels, device=device)


def _own(name: str) -> Own:
    try:
        own = find_own(name, EXTRACTOR_POINTS)
    except Exception as error:  # no such file; a package may raise anything at import
        why = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise UserError(
            f"extractor '{name}': {why}", "it names a class in a Python file: path.py:Class"
        ) from error
    if own is None:
        raise UserError(*unknown_name("extractor", name, [*EXTRACTORS, *installed_names(EXTRACTOR_POINTS)]))
    return own
