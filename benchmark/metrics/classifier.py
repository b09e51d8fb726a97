"""The `classifier` extractor: a small network that was taught the labels of the training pool."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.metrics.extractor_base import Images, batches, check_images
from benchmark.metrics.rounding import one_thread
from benchmark.pulse import locked, pulse
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors

VERSION = 1
SEED, STEPS, BATCH, RATE, SHIFT = 0, 600, 64, 2e-3, 1
FEATURES = 64


@dataclass(frozen=True)
class Labelled:
    """Labelled images of one dataset: what a classifier is taught, and what its accuracy is measured on."""

    train: Images  # (N, H, W, C), the full pool
    train_labels: NDArray[np.int64]
    heldout: Images
    heldout_labels: NDArray[np.int64]
    folder: Path | None = None  # where the trained network is kept


class Classifier:
    """Features (N, 64) of the last hidden layer.

    Trained once per pool on clean images that are shifted by up to a pixel, never on held-out ones; under a
    lock, on one thread, so that concurrent trials share one network. `accuracy` is that on held-out images.
    Source of the idea: Frechet distances on a digit classifier's features, e.g. dfaroughy/FID-MNIST.
    """

    name = "classifier"

    def __init__(self, labelled: Labelled, *, device: str = "cpu") -> None:
        self.channels = labelled.train.shape[3]
        self.device = torch.device(device)
        classes = int(labelled.train_labels.max()) + 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            self.network = _network(self.channels, classes)
        self._restore_or_train(labelled)
        self.network.eval()
        self.accuracy = self._accuracy(labelled)
        digest = hashlib.sha256(f"classifier {VERSION}".encode())
        for tensor in self.network.state_dict().values():
            digest.update(tensor.numpy().tobytes())
        self.fingerprint = digest.hexdigest()[:16]
        self.network.to(self.device)

    def fit(self, reference: Images) -> None:
        """Do nothing: what there was to learn came from the training pool."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return features (N, 64) of uint8 images (N, H, W, C)."""
        check_images(images, self.channels, smallest=8)
        activations = 3 * 4 * 32 * images.shape[1] * images.shape[2]
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = [self.network[:-1](_floats(b).to(self.device)) for b in batches(images, activations)]
        return torch.cat(found).cpu().numpy()

    def _restore_or_train(self, labelled: Labelled) -> None:
        if labelled.folder is None:
            return _train(self.network, labelled)
        labelled.folder.mkdir(parents=True, exist_ok=True)
        path = labelled.folder / f"classifier-{_key(labelled)}.safetensors"
        with locked(path.with_suffix(".lock")):
            try:
                self.network.load_state_dict(read_tensors(path)[0])
            except (RefusedFile, RuntimeError):  # absent, damaged or of another shape: trained below
                _train(self.network, labelled)
                write_tensors(self.network.state_dict(), path, {"version": VERSION})
        return None

    def _accuracy(self, labelled: Labelled) -> float:
        with torch.inference_mode():
            said = torch.cat([self.network(_floats(b)).argmax(1) for b in batches(labelled.heldout, 2**20)])
        return float((said.numpy() == labelled.heldout_labels).mean())


def _network(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(64 * 16, FEATURES),
        nn.ReLU(),
        nn.Linear(FEATURES, classes),
    )


def _train(network: nn.Sequential, labelled: Labelled) -> None:
    """Minimise the cross-entropy of the pool for 600 steps of 64 images; the same weights every time."""
    images, labels = _floats(labelled.train), torch.from_numpy(labelled.train_labels)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    generator = torch.Generator().manual_seed(SEED)
    with one_thread():
        for _ in range(STEPS):
            pulse()
            rows = torch.randint(len(images), (BATCH,), generator=generator)
            down, right = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
            views = images[rows].roll((down, right), (2, 3))
            loss = F.cross_entropy(network(views), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _floats(images: Images) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _key(labelled: Labelled) -> str:
    about = (VERSION, SEED, STEPS, BATCH, RATE, SHIFT, FEATURES, labelled.train.shape, torch.__version__)
    digest = hashlib.sha256(repr(about).encode())
    digest.update(np.ascontiguousarray(labelled.train).data)
    digest.update(labelled.train_labels.tobytes())
    return digest.hexdigest()[:24]
