"""Train one model: stage `codes`, then stage `prior`, each from its last checkpoint."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from pcvq2.codes_stage import encode_all, train_codes
from pcvq2.config import PCVQ2Config
from pcvq2.prior import Prior
from pcvq2.prior_stage import PriorStage, Splits
from pcvq2.trainer.checkpoint import Checkpoint, digest
from pcvq2.trainer.log import FitLog, StageLog
from pcvq2.trainer.optimiser import NonFiniteLoss
from pcvq2.trainer.precision import resolve
from pcvq2.trainer.session import Feed, Session
from pcvq2.trainer.settings import StageConfig
from pcvq2.trainer.steps import StageRun
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors
from pcvq2.vqvae2 import VQVAE2

_FORMAT = 1
_log = logging.getLogger("pcvq2")


class Fitting:
    """Train the two parts of a model in place and keep the log."""

    def __init__(self, config: PCVQ2Config, seed: int, feed: Feed, session: Session) -> None:
        self.config, self.seed, self.feed, self.session = config, seed, feed, session
        self.log = FitLog()
        self._checkpoints: list[Checkpoint] = []

    def codes(self, vqvae: VQVAE2, pool: Tensor) -> None:
        """Train the auto-encoder on uint8 images; without augmentation it is shared in a folder."""
        start, shared = time.perf_counter(), False
        if self.session.shared is not None and self.feed.augment_of("codes") is None:
            shared, earlier = self._share_codes(vqvae, pool, self.session.shared)
        else:
            belongs = {"config": self._codes_settings(), "images": digest([pool])}
            earlier = self._train_codes(vqvae, pool, self._checkpoint("codes", belongs))
        self._note("codes", self.config.codes_stage, time.perf_counter() - start, earlier)
        precision = resolve(self.config.vqvae.precision, pool.device)
        self.log.stages["codes"] = replace(self.log.stages["codes"], precision=precision, shared=shared)

    def prior(self, prior: Prior, vqvae: VQVAE2, images: Mapping[str, Tensor | None]) -> None:
        """Train the priors on `images` (uint8 splits named train, validation, heldout)."""
        start = time.perf_counter()
        train = images["train"]
        assert train is not None
        belongs = {
            "config": self.config.to_dict(),
            "images": {name: None if split is None else digest([split]) for name, split in images.items()},
            "auto_encoder": digest(vqvae.state_dict().values()),
        }
        checkpoint = self._checkpoint("prior", belongs)
        codes = {name: None if split is None else encode_all(vqvae, split) for name, split in images.items()}
        splits = Splits(codes["train"] or [], codes["validation"], codes["heldout"])
        run = self._run("prior", self.config.prior_stage, checkpoint)
        stage = PriorStage(prior, vqvae, splits, run, self.config.selection)
        with self._guarded(checkpoint):
            self.log.selected_step = stage.train(train, self.feed.observe)
        self.log.curve = stage.curve
        earlier = checkpoint.earlier_seconds if checkpoint is not None else 0.0
        self._note("prior", self.config.prior_stage, time.perf_counter() - start, earlier)
        precision = resolve(self.config.prior.precision, train.device)
        self.log.stages["prior"] = replace(self.log.stages["prior"], precision=precision)

    def _note(self, stage: str, config: StageConfig, seconds: float, earlier: float) -> None:
        self.log.stages[stage] = StageLog(config.steps, config.batch, seconds + earlier)
        self.log.earlier_seconds += earlier

    def _run(self, stage: str, config: StageConfig, checkpoint: Checkpoint | None) -> StageRun:
        augment = self.feed.augment_of(stage)
        return StageRun(stage, config, self.seed, augment, self.session.progress, checkpoint)

    def _train_codes(self, vqvae: VQVAE2, pool: Tensor, checkpoint: Checkpoint | None) -> float:
        """Do the stage; return the seconds that earlier processes have spent on it."""
        with self._guarded(checkpoint):
            train_codes(vqvae, pool, self._run("codes", self.config.codes_stage, checkpoint))
        return checkpoint.earlier_seconds if checkpoint is not None else 0.0

    def _share_codes(self, vqvae: VQVAE2, pool: Tensor, shared: Path) -> tuple[bool, float]:
        """Take the auto-encoder from the folder, or train it and leave it there.

        Returns whether it was taken, and the seconds that earlier processes have spent on it. Its checkpoints
        lie beside it, so whoever comes next goes on from them.
        """
        start, session = time.perf_counter(), self.session
        shared.mkdir(parents=True, exist_ok=True)
        key = self._codes_key(pool)
        path = shared / f"{key}.safetensors"
        checkpoint = None
        if session.checkpoints is not None:
            checkpoint = Checkpoint(
                shared / f"{key}.checkpoint", {"key": key}, session.every_seconds, stop=session.stop
            )
            self._checkpoints.append(checkpoint)
        with filelock.FileLock(path.with_suffix(".lock")):
            about, earlier = _take(vqvae, path), 0.0
            borrowed = about is not None
            if about is None:
                earlier = self._train_codes(vqvae, pool, checkpoint)
                seconds = time.perf_counter() - start + earlier
                noted = {"trained_by": session.owner, "seconds": seconds}
                write_tensors(vqvae.state_dict(), path, noted)
                _take(vqvae, path)  # who trained and who borrowed hold the same bytes
            if checkpoint is not None:
                checkpoint.remove()
        if about is not None and session.owner and about["trained_by"] == session.owner:
            borrowed, earlier = False, about["seconds"]  # ours, before we were interrupted
        return borrowed, earlier

    def _codes_settings(self) -> dict[str, Any]:
        values = self.config.to_dict()
        return {name: values[name] for name in ("size", "channels", "vqvae", "codes_stage")}

    def _codes_key(self, pool: Tensor) -> str:
        """Name the stage `codes` by all it depends on: images, sizes, settings, seed, format."""
        parts = [_FORMAT, self.seed, *self._codes_settings().values()]
        hashed = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
        hashed.update(pool.cpu().numpy().tobytes())
        return hashed.hexdigest()[:24]

    def _checkpoint(self, stage: str, belongs: dict[str, Any]) -> Checkpoint | None:
        session = self.session
        if session.checkpoints is None:
            return None
        belongs = {
            "stage": stage,
            "owner": session.owner,
            "seed": self.seed,
            "augmented": self.feed.augment_of(stage) is not None,
            **belongs,
        }
        path = session.checkpoints / f"{stage}.checkpoint"
        checkpoint = Checkpoint(path, belongs, session.every_seconds, self.feed.state, session.stop)
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
