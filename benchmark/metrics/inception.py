"""The `inception` extractor: clean-fid's network and clean-fid's resizing, from a file the user fetched."""

from __future__ import annotations

import numpy as np
import torch
from cleanfid.inception_torchscript import InceptionV3W
from cleanfid.resize import build_resizer
from numpy.typing import NDArray

from benchmark.metrics.extractors import Images, batches, check_images
from benchmark.metrics.weights import find_weights, hash_file

BYTES_PER_IMAGE = 24 * 2**20  # activations of the early layers dominate


class Inception:
    """Features (N, 2048) before the classifier; grey images are repeated to three channels.

    Source: clean-fid in its default mode ("clean": bicubic with antialiasing to 299 px, not quantised).
    """

    name = "inception"

    def __init__(self, channels: int, *, device: str = "cpu") -> None:
        weights = find_weights("inception")
        self.channels = channels
        self.device = torch.device(device)
        self.fingerprint = hash_file(weights)
        self.network = InceptionV3W(str(weights.parent), download=False, resize_inside=False)
        self.network.to(self.device).eval()
        self.resize = build_resizer("clean")

    def fit(self, reference: Images) -> None:
        """Do nothing: the weights are fixed."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, 2048) of uint8 images (N, H, W, C)."""
        check_images(images, self.channels)
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return np.concatenate([self._features(batch) for batch in batches(images, BYTES_PER_IMAGE)])

    def _features(self, images: Images) -> NDArray[np.float32]:
        if self.channels == 1:
            images = np.repeat(images, 3, axis=3)
        resized = np.stack([self.resize(image) for image in images])  # (B, 299, 299, 3) float32 in [0, 255]
        pixels = torch.from_numpy(resized).permute(0, 3, 1, 2).to(self.device)
        return self.network(pixels).float().cpu().numpy()
