"""The `clip` and `dinov2` extractors: timm's vision transformers, weights from a file the user fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmark.errors import UserError
from benchmark.metrics.extractor_base import Images
from benchmark.metrics.pretrained import Pretrained
from benchmark.metrics.weights import find_weights, hash_file

SIDE = 224  # pixels the networks see


@dataclass(frozen=True)
class Architecture:
    """A network of timm's, and how pixels in [0, 1] are standardised for it."""

    timm_name: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    quantised: bool  # round pixels after resizing
    options: Mapping[str, Any] = field(default_factory=dict)


ARCHITECTURES = {
    # ViT-B/32 and resizing of clean-fid's CLIP features (pillow's bicubic, rounded to 8 bits); 512 features
    "clip": Architecture(
        "vit_base_patch32_clip_quickgelu_224",
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
        quantised=True,
        options={"num_classes": 512},
    ),
    # ViT-L/14 at 224 px, 1,024 features, as in Stein et al. (2023), Exposing flaws of generative model
    # evaluation metrics
    "dinov2": Architecture(
        "vit_large_patch14_dinov2",
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
        quantised=False,
        options={"num_classes": 0, "img_size": SIDE},
    ),
}


class VisionTransformer(Pretrained):
    """Features (N, D) of a pretrained vision transformer."""

    bytes_per_image = 16 * 2**20

    def __init__(self, name: str, channels: int, *, device: str = "cpu") -> None:
        super().__init__(channels, device=device)
        self.name = name
        weights = find_weights(name)
        self.architecture = ARCHITECTURES[name]
        self.network = _load(name, self.architecture, weights).to(self.device).eval()
        self.fingerprint = hash_file(weights)
        statistics = self.architecture.mean, self.architecture.deviation
        self.mean, self.deviation = (torch.tensor(s, device=self.device).view(3, 1, 1) for s in statistics)

    def standardised(self, pixels: Tensor) -> Tensor:
        """Standardise pixels (B, 3, 224, 224) in [0, 255] as the network was taught."""
        return (pixels / 255 - self.mean) / self.deviation

    def resized(self, image: Images) -> NDArray[np.float32]:
        """Resize one image (H, W, 3) to (224, 224, 3) in [0, 255]."""
        if self.architecture.quantised:
            whole = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            return np.asarray(whole, dtype=np.float32)
        planes = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
        resized = [np.asarray(p.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for p in planes]
        return np.stack(resized, axis=-1).clip(0, 255)


def _load(name: str, architecture: Architecture, weights: Path) -> torch.nn.Module:
    """Build timm's network and fill it from the publisher's file. Raises UserError."""
    try:
        import timm
        from timm.models.vision_transformer import checkpoint_filter_fn
    except ImportError as error:
        raise UserError(
            f"extractor '{name}' needs timm, which is not installed",
            "pip install 'phased-augmentation-bench[dinov2]'",
        ) from error
    network = timm.create_model(architecture.timm_name, pretrained=False, **architecture.options)
    try:
        state = {key: value.float() for key, value in _state(weights).items()}
        network.load_state_dict(checkpoint_filter_fn(state, network))  # type: ignore[arg-type]
    except (RuntimeError, ValueError, KeyError, AttributeError, EOFError) as error:
        raise UserError(
            f"{weights} does not hold the weights of '{name}' ({str(error).splitlines()[0]})",
            f"remove it and run: bench doctor --download {name}",
        ) from error
    return network


def _state(weights: Path) -> dict[str, Tensor]:
    """Read tensors by name from a TorchScript archive (OpenAI's CLIP) or a state dict; runs no code of it."""
    try:
        return dict(torch.jit.load(weights, map_location="cpu").state_dict())
    except RuntimeError:  # no TorchScript archive
        return torch.load(weights, map_location="cpu", weights_only=True)
