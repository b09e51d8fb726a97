"""Train one model: stage `codes`, then stage `prior`, each from its last checkpoint."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from pcvq2.config import PCVQ2Config
from pcvq2.prior import Prior
from pcvq2.prior_stage import PriorStage, Splits
from pcvq2.trainer.checkpoint import Checkpoint, Place, digest
from pcvq2.trainer.optimiser import NonFiniteLoss
from pcvq2.trainer.precision import resolve
from pcvq2.trainer.steps import Augment, Observe, Progress
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors
from pcvq2.training import FitLog, encode_all, train_codes
from pcvq2.vqvae2 import VQVAE2

_FORMAT = 1
_log = logging.getLogger("pcvq2")


class Fitting:
    """Train the two parts of a model in place and keep the log; `place` says where checkpoints go."""

    def __init__(
        self, config: PCVQ2Config, seed: int, *, place: Place | None = None, progress: Progress | None = None
    ) -> None:
        self.config, self.seed, self.progress = config, seed, progress
        self.place = place or Place()
        self.log = FitLog()
        self._checkpoints: list[Checkpoint] = []

    def codes(self, vqvae: VQVAE2, pool: Tensor, augment: Augment | None, shared: Path | None) -> None:
        """Train the auto-encoder on uint8 images; without augmentation it is shared in a folder."""
        start = time.perf_counter()
        if shared is not None and augment is None:
            earlier = self._share_codes(vqvae, pool, shared)
        else:
            belongs = {"config": self._codes_settings(), "images": digest([pool])}
            checkpoint = self._checkpoint("codes", belongs, augment)
            earlier = self._train_codes(vqvae, pool, augment, checkpoint)
        self.log.precision_codes = resolve(self.config.vqvae.precision, pool.device)
        self.log.codes_seconds = time.perf_counter() - start + earlier
        self.log.earlier_seconds += earlier
        self.log.images_seen += self.config.codes_stage.steps * self.config.codes_stage.batch

    def prior(
        self,
        prior: Prior,
        vqvae: VQVAE2,
        images: dict[str, Tensor | None],
        augment: Augment | None,
        observe: Observe | None,
    ) -> None:
        """Train the priors on `images` (uint8 splits named train, validation, heldout)."""
        start = time.perf_counter()
        train, validation, heldout = (images[name] for name in ("train", "validation", "heldout"))
        assert train is not None
        belongs = {
            "config": self.config.to_dict(),
            "images": {name: None if split is None else digest([split]) for name, split in images.items()},
            "auto_encoder": digest(vqvae.state_dict().values()),
        }
        checkpoint = self._checkpoint("prior", belongs, augment)
        splits = Splits(
            encode_all(vqvae, train),
            None if validation is None else encode_all(vqvae, validation),
            None if heldout is None else encode_all(vqvae, heldout),
        )
        stage = PriorStage(prior, vqvae, self.config, splits, self.seed)
        with self._guarded(checkpoint):
            self.log.selected_step = stage.run(
                train, augment=augment, observe=observe, progress=self.progress, checkpoint=checkpoint
            )
        earlier = checkpoint.earlier_seconds if checkpoint is not None else 0.0
        self.log.curve = stage.curve
        self.log.precision_prior = resolve(self.config.prior.precision, train.device)
        self.log.prior_seconds = time.perf_counter() - start + earlier
        self.log.earlier_seconds += earlier
        self.log.images_seen += self.config.prior_stage.steps * self.config.prior_stage.batch

    def _train_codes(
        self, vqvae: VQVAE2, pool: Tensor, augment: Augment | None, checkpoint: Checkpoint | None
    ) -> float:
        """Do the stage; return the seconds that earlier processes have spent on it."""
        with self._guarded(checkpoint):
            train_codes(
                vqvae,
                pool,
                self.config,
                seed=self.seed,
                augment=augment,
                progress=self.progress,
                checkpoint=checkpoint,
            )
        return checkpoint.earlier_seconds if checkpoint is not None else 0.0

    def _share_codes(self, vqvae: VQVAE2, pool: Tensor, shared: Path) -> float:
        """Take the auto-encoder from the folder, or train it and leave it there; return earlier seconds.

        Its checkpoints lie beside it, so whoever comes next goes on from them.
        """
        start = time.perf_counter()
        shared.mkdir(parents=True, exist_ok=True)
        key = self._codes_key(pool)
        path = shared / f"{key}.safetensors"
        checkpoint = None
        if self.place.folder is not None:
            checkpoint = Checkpoint(
                shared / f"{key}.checkpoint", {"key": key}, self.place.every_seconds, stop=self.place.stop
            )
            self._checkpoints.append(checkpoint)
        with filelock.FileLock(path.with_suffix(".lock")):
            about, earlier = _take(vqvae, path), 0.0
            borrowed = about is not None
            if about is None:
                earlier = self._train_codes(vqvae, pool, None, checkpoint)
                seconds = time.perf_counter() - start + earlier
                noted = {"trained_by": self.place.owner, "seconds": seconds}
                write_tensors(vqvae.state_dict(), path, noted)
                _take(vqvae, path)  # who trained and who borrowed hold the same bytes
            if checkpoint is not None:
                checkpoint.remove()
        if about is not None and self.place.owner and about["trained_by"] == self.place.owner:
            borrowed, earlier = False, about["seconds"]  # ours, before we were interrupted
        self.log.codes_shared = borrowed
        return earlier

    def _codes_settings(self) -> dict[str, Any]:
        values = self.config.to_dict()
        return {name: values[name] for name in ("size", "channels", "vqvae", "codes_stage")}

    def _codes_key(self, pool: Tensor) -> str:
        """Name the stage `codes` by all it depends on: images, sizes, settings, seed, format."""
        parts = [_FORMAT, self.seed, *self._codes_settings().values()]
        hashed = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
        hashed.update(pool.cpu().numpy().tobytes())
        return hashed.hexdigest()[:24]

    def _checkpoint(self, stage: str, belongs: dict[str, Any], augment: Augment | None) -> Checkpoint | None:
        if self.place.folder is None:
            return None
        belongs = {
            "stage": stage,
            "owner": self.place.owner,
            "seed": self.seed,
            "augmented": augment is not None,
            **belongs,
        }
        path = self.place.folder / f"{stage}.checkpoint"
        place = self.place
        checkpoint = Checkpoint(path, belongs, place.every_seconds, place.state, place.stop)
        self._checkpoints.append(checkpoint)
        return checkpoint

    @contextlib.contextmanager
    def _guarded(self, checkpoint: Checkpoint | None) -> Iterator[None]:
        """Hold Ctrl-C back until a checkpoint can be written; drop all checkpoints that lead to a nan."""
        holding = checkpoint.holding_interrupts() if checkpoint is not None else contextlib.nullcontext()
        try:
            with holding:
                yield
        except NonFiniteLoss:
            for opened in self._checkpoints:
                opened.remove()
            raise


def _take(vqvae: VQVAE2, path: Path) -> dict[str, Any] | None:
    """Load a shared auto-encoder and return what is noted beside it; None when there is no good one."""
    if not path.exists():
        return None
    try:
        tensors, about = read_tensors(path)
    except RefusedFile as error:
        _log.warning("shared auto-encoder refused, it is trained again: %s", error)
        return None
    vqvae.load_state_dict(tensors)
    vqvae.eval()
    return about
