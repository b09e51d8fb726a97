"""`bench doctor`: what is installed here, what the hardware can do, which weights are there."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from benchmark.metrics.extractors import EXTRACTORS
from benchmark.metrics.weights import WEIGHTS, MissingWeights, download_weights, find_weights, weights_state
from benchmark.store.environment import git_commit, processor, versions

Found = tuple[str, str]  # what, state


def examine() -> list[Found]:
    """Return what was found, as (what, state)."""
    rows: list[Found] = [*versions().items(), ("timm", _timm()), ("commit", git_commit() or "no checkout")]
    return [*rows, *_hardware(), *_weights()]


def download(extractors: Sequence[str]) -> list[Found]:
    """Fetch the weights of the named extractors, of all where none is named. Raises UserError."""
    return [(name, str(download_weights(name))) for name in extractors or WEIGHTS]


def _timm() -> str:
    if importlib.util.find_spec("timm") is None:
        needed = f"not installed; only {_timm_extractors()} need it"
        return f"{needed}: pip install 'phased-augmentation-bench[dinov2]'"
    from importlib.metadata import version

    return version("timm")


def _timm_extractors() -> str:
    return " and ".join(name for name, entry in EXTRACTORS.items() if entry.timm)


def _hardware() -> list[Found]:
    import torch

    from pcvq2.trainer.precision import resolve

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    able = resolve("auto", device) == "bfloat16"
    return [
        ("device", f"{device.type}: {name}"),
        ("bfloat16", "yes, training multiplies in it" if able else "not faster here: training is in float32"),
    ]


def _weights() -> list[Found]:
    files_less = [name for name, entry in EXTRACTORS.items() if entry.needs != "weights"]
    rows: list[Found] = [(name, "needs no file") for name in files_less]
    for name in WEIGHTS:
        try:
            path = find_weights(name)
            rows.append((name, f"{path}, {weights_state(path)}"))
        except MissingWeights as error:
            rows.append((name, f"missing: {error.message.partition(' needs ')[2]}. {error.hint}"))
    return rows
