"""Turn images into features: the extractors a suite may name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmark.errors import UserError, unknown_name
from benchmark.metrics.extractor_base import Extractor
from benchmark.metrics.extractor_names import EXTRACTORS
from strategies.contract.plugin import Plugin


def load_extractor(name: str | Plugin, *, channels: int, device: str = "cpu") -> Extractor:
    """Build the extractor of that name, or the user's own, for images of 1 or 3 channels.

    `path.py:Class` is relative to the working folder.

    A classifier comes from benchmark.trial.extractor_of, which knows labels.
    Raises UserError for an unknown name, MissingWeights when a weights file is not there.
    """
    if channels not in (1, 3):
        raise UserError(f"extractor '{name}' got images of {channels} channels", "Allowed: 1, 3")
    own = name if isinstance(name, Plugin) else _own(name)
    if own is not None:
        from benchmark.metrics.own import OwnExtractor

        return OwnExtractor(own, channels, device=device)
    name = str(name)
    if name == "classifier":
        raise UserError(
            "extractor 'classifier' needs labels, which a plain set of images does not have",
            "use it in a suite on a labelled dataset: digits",
        )
    if name not in _BUILDERS:
        raise UserError(*unknown_name("extractor", name, EXTRACTORS))
    return _BUILDERS[name](channels, device)


def _own(name: str) -> Plugin | None:
    try:
        return Plugin.parse(name)
    except OSError as error:
        raise UserError(
            f"extractor '{name}': {error}", "it names a class in a Python file: path.py:Class"
        ) from error


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


_BUILDERS: dict[str, Callable[[int, str], Extractor]] = {
    "random": _random,
    "pixels": _pixels,
    "inception": _inception,
    "clip": partial(_transformer, "clip"),
    "dinov2": partial(_transformer, "dinov2"),
}
