"""The `inception` extractor: clean-fid's network and clean-fid's resizing, from a file the user fetched."""

from __future__ import annotations

import numpy as np
from cleanfid.inception_torchscript import InceptionV3W
from cleanfid.resize import build_resizer
from numpy.typing import NDArray

from benchmark.metrics.extractor_base import Images
from benchmark.metrics.pretrained import Pretrained
from benchmark.metrics.weights import find_weights, hash_file


class Inception(Pretrained):
    """Features (N, 2048) before the classifier.

    Source: clean-fid in its default mode ("clean": bicubic with antialiasing to 299 px, not quantised).
    """

    name = "inception"
    bytes_per_image = 24 * 2**20  # activations of the early layers dominate

    def __init__(self, channels: int, *, device: str = "cpu") -> None:
        super().__init__(channels, device=device)
        weights = find_weights("inception")
        self.fingerprint = hash_file(weights)
        self.network = InceptionV3W(str(weights.parent), download=False, resize_inside=False)
        self.network.to(self.device).eval()
        self._resize = build_resizer("clean")

    def resized(self, image: Images) -> NDArray[np.float32]:
        """Resize one image (H, W, 3) to (299, 299, 3) in [0, 255]."""
        return self._resize(image)
