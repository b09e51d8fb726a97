"""What extractors with a published network share: three channels, batches, full precision on the device."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.metrics.extractor_base import Images, batches, check_images


class Pretrained(ABC):
    """Features of a network whose weights are fixed; grey images are repeated to three channels."""

    name: str
    fingerprint: str
    network: torch.nn.Module
    bytes_per_image: int  # activations of one image, which bound a batch

    def __init__(self, channels: int, *, device: str = "cpu") -> None:
        self.channels = channels
        self.device = torch.device(device)

    @abstractmethod
    def resized(self, image: Images) -> NDArray[np.float32]:
        """Resize one image (H, W, 3) to what the network sees, (S, S, 3) in [0, 255]."""

    def standardised(self, pixels: Tensor) -> Tensor:
        """Bring pixels (B, 3, S, S) in [0, 255] to the network's own range; here: as they are."""
        return pixels

    def fit(self, reference: Images) -> None:  # noqa: B027
        """Do nothing: the weights are fixed."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of uint8 images (N, H, W, C)."""
        check_images(images, self.channels)
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return np.concatenate([self._features(batch) for batch in batches(images, self.bytes_per_image)])

    def _features(self, images: Images) -> NDArray[np.float32]:
        if self.channels == 1:
            images = np.repeat(images, 3, axis=3)
        pixels = torch.from_numpy(np.stack([self.resized(image) for image in images]))
        pixels = pixels.permute(0, 3, 1, 2).to(self.device)
        return self.network(self.standardised(pixels)).float().cpu().numpy()
