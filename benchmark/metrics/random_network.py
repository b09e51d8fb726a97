"""The `random` extractor: an untrained convolutional network with fixed orthogonal weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmark.metrics.extractor_base import Images, batches, check_images, fingerprint_of

SEED = 0
WIDTHS = (64, 64, 64)  # channels of the three layers
GAIN = 2.0  # makes up for what pooling 2x2 takes, so that the layers weigh about the same
DEFINITION = (
    f"random network 1: images in [-1, 1], {WIDTHS} of 3x3, orthogonal, gain {GAIN}, modulus, seed {SEED}"
)


class RandomNetwork:
    """Features (N, 192): the mean modulus of three layers, each at half the resolution of the one before.

    Of the variants tried on digits (N = 500; ReLU, leaky ReLU, 2x2 and 4x4 pooling, standard deviations) this
    one told blur, noise, rotation and dropped modes from fresh real images best; the seed hardly mattered.
    """

    name = "random"

    def __init__(self, channels: int, *, device: str = "cpu") -> None:
        self.channels = channels
        self.device = torch.device(device)
        self.fingerprint = fingerprint_of(f"{DEFINITION}, {channels} channels")
        self.weights = [torch.from_numpy(w).to(self.device) for w in _weights(channels)]

    def fit(self, reference: Images) -> None:
        """Do nothing: the weights are fixed."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, D) of uint8 images (N, H, W, C), 8 pixels or more a side."""
        check_images(images, self.channels, smallest=8)
        activations = 3 * 4 * WIDTHS[0] * images.shape[1] * images.shape[2]
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return np.concatenate([self._features(batch) for batch in batches(images, activations)])

    def _features(self, images: Images) -> NDArray[np.float32]:
        hidden = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        pooled = []
        for weight in self.weights:
            hidden = F.conv2d(hidden, weight, padding=1).abs()  # (B, width, H, W)
            pooled.append(hidden.mean((2, 3)))
            hidden = F.avg_pool2d(hidden, 2)
        return torch.cat(pooled, dim=1).cpu().numpy()


def _weights(channels: int) -> list[NDArray[np.float32]]:
    """Draw orthogonal kernels (out, in, 3, 3), in NumPy's frozen legacy stream: the same for ever."""
    draw = np.random.RandomState(SEED)
    kernels = []
    for width in WIDTHS:
        rows, columns = sorted((width, channels * 9), reverse=True)
        q, r = np.linalg.qr(draw.standard_normal((rows, columns)))
        q *= np.sign(np.diagonal(r))  # the decomposition made unique
        matrix = q if width >= channels * 9 else q.T
        kernels.append((matrix * GAIN).reshape(width, channels, 3, 3).astype(np.float32))
        channels = width
    return kernels
