"""Independent histograms per sub-pixel, smoothed towards the image-wide one, fitted by counting."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.families.marginals.config import MarginalsConfig
from pcvq2.trainer.checkpoint import Checkpoint, digest
from pcvq2.trainer.log import FitLog, StageLog
from pcvq2.trainer.randomness import derive_seed
from pcvq2.trainer.session import Feed, Session
from pcvq2.trainer.steps import StageRun
from pcvq2.trainer.tensor_file import read_tensors, write_tensors
from pcvq2.trainer.whole_file import write_whole

LEVELS = 256
_FORMAT = 1
_STAGE = "counts"
# weights of the image-wide histogram, in images, among which leave-one-out chooses
_WEIGHTS = tuple(2.0**k for k in range(-6, 11))


@dataclass(frozen=True)
class MarginalLedger:
    """Hold -log2 p(x) in bits per dimension; it is exact, and one term. (N,)"""

    total: Tensor

    @property
    def terms(self) -> Mapping[str, Tensor]:
        """Return the one term."""
        return {"pixels": self.total}

    @property
    def subtotals(self) -> Mapping[str, Tensor]:
        """Return no sums of terms."""
        return {}


class MarginalModel:
    """Independent pixels: p(x) is the product over sub-pixels d of (n_d(x_d) + a g(x_d)) / (n + a).

    n_d counts levels over the n images, or over their views and is then brought to a sum of n; g is the
    channel's histogram over all places with one more count per level; a maximises the leave-one-out
    likelihood of what was counted (Dirichlet smoothing with an empirical-Bayes weight; g is not estimated
    anew for each image left out, and of a level only views have, nothing is left without its image: both are
    approximations of the weight alone). Probabilities are in float64 and sum to one for every sub-pixel.
    """

    def __init__(self, config: MarginalsConfig, *, seed: int = 0, device: str = "cpu") -> None:
        self.config, self.seed, self.device = config, seed, torch.device(device)
        places = config.channels * config.size**2
        self.counts = torch.zeros(places, LEVELS, dtype=torch.float64, device=self.device)
        self.images = 0  # learned from; views of one image count as one

    @property
    def parameters_count(self) -> int:
        """Count the free probabilities."""
        return len(self.counts) * (LEVELS - 1)

    def fit(
        self,
        images: Tensor,
        feed: Feed | None = None,
        session: Session | None = None,
        *,
        validation: Tensor | None = None,
        heldout: Tensor | None = None,
    ) -> FitLog:
        """Count clean images once, or the views of every step; `validation` is looked at, never counted."""
        feed, session, start = feed or Feed(), session or Session(), time.perf_counter()
        splits = {"train": images, "validation": validation, "heldout": heldout}
        for name, split in splits.items():
            if split is not None:
                self._check(split, name)
        if self.config.selection == "best_validation" and validation is None:
            raise ValueError("selection 'best_validation' needs validation images")
        checkpoint = self._checkpoint(splits, feed, session)
        stage = self.config.counts_stage
        run = StageRun(_STAGE, stage, self.seed, feed.augment_of(_STAGE), session.progress, checkpoint)
        counting = _Counting(self, run, splits, feed)
        self.images = len(images)
        with torch.random.fork_rng():
            selected = counting.clean(images) if run.augment is None else counting.views(images)
        earlier = checkpoint.earlier_seconds if checkpoint is not None else 0.0
        seconds = time.perf_counter() - start + earlier
        log = StageLog(stage.steps, stage.batch, seconds, "float64")
        return FitLog({_STAGE: log}, earlier, selected, counting.curve)

    def _checkpoint(
        self, splits: Mapping[str, Tensor | None], feed: Feed, session: Session
    ) -> Checkpoint | None:
        if session.checkpoints is None or feed.augment_of(_STAGE) is None:
            return None
        belongs = {
            "stage": _STAGE,
            "owner": session.owner,
            "seed": self.seed,
            "config": self.config.to_dict(),
            "images": {name: None if split is None else digest([split]) for name, split in splits.items()},
        }
        path = session.checkpoints / f"{_STAGE}.checkpoint"
        return Checkpoint(path, belongs, session.every_seconds, feed.state, session.stop)

    def count(self, images: Tensor) -> None:
        """Count the levels of uint8 images (N, C, H, W)."""
        levels = images.flatten(1).T.long()  # (places, N)
        self.counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=torch.float64))

    def log_probabilities(self) -> Tensor:
        """Return log p of every level of every sub-pixel in nats. (places, 256) float64"""
        scaled = self.counts * (self.images / self.counts[0].sum())
        pooled = _pooled(scaled, self.config.channels)
        weight = _weight(scaled, pooled, self.images)
        return torch.log((scaled + weight * pooled) / (self.images + weight))

    def nats(self, images: Tensor) -> Tensor:
        """Return -log p of uint8 images (N, C, H, W), per image. (N,) float64"""
        table = self.log_probabilities()
        chunks = images.split(_CHUNK)
        return -torch.cat([table.gather(1, chunk.flatten(1).T.long()).sum(0) for chunk in chunks])

    def bits_per_dim(self, images: Tensor) -> MarginalLedger:
        """Return -log2 p(x) of clean images in bits per dimension: exact, no bound."""
        self._check(images, "images")
        return MarginalLedger(self.nats(images) / (math.log(2) * images[0].numel()))

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> Tensor:
        """Draw n images: uint8 (n, C, H, W). Temperature 0 takes the likeliest level of every sub-pixel."""
        progress(0, n)
        table = self.log_probabilities()
        shape = (n, self.config.channels, self.config.size, self.config.size)
        if not temperature:
            return table.argmax(1).to(torch.uint8).expand(n, -1).reshape(shape).contiguous()
        generator = torch.Generator().manual_seed(derive_seed(seed, "sample"))
        cumulative = torch.softmax(table / temperature, 1).cumsum(1)
        uniforms = torch.rand(len(table), n, dtype=torch.float64, generator=generator).to(self.device)
        levels = torch.searchsorted(cumulative, uniforms * cumulative[:, -1:], right=True)
        progress(n, n)
        return levels.clamp_max(LEVELS - 1).to(torch.uint8).T.reshape(shape).contiguous()

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """Return None: nothing represents an image."""
        return None

    def save(self, folder: Path | str) -> None:
        """Write model.safetensors and model.json into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors({"counts": self.counts}, folder / "model.safetensors", {"images": self.images})
        about = {
            "format": _FORMAT,
            "family": "marginals",
            "seed": self.seed,
            "config": self.config.to_dict(),
        }
        write_whole(folder / "model.json", json.dumps(about, indent=2).encode())

    @classmethod
    def load(cls, folder: Path | str, *, device: str = "cpu") -> MarginalModel:
        """Read a saved model."""
        about = json.loads((Path(folder) / "model.json").read_text())
        if about["format"] != _FORMAT:
            raise ValueError(f"{folder}: model format {about['format']}, this version reads {_FORMAT}")
        model = cls(MarginalsConfig.from_dict(about["config"]), seed=about["seed"], device=device)
        tensors, noted = read_tensors(Path(folder) / "model.safetensors")
        model.counts.copy_(tensors["counts"])
        model.images = noted["images"]
        return model

    def _check(self, images: Tensor, name: str) -> None:
        expected = (self.config.channels, self.config.size, self.config.size)
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != expected or not len(images):
            raise ValueError(
                f"{name} must be uint8 (N >= 1, {', '.join(map(str, expected))}), "
                f"got {images.dtype} {tuple(images.shape)}"
            )


_CHUNK = 256  # images whose levels are looked up at once


class _Counting:
    """Count for one stage, and keep the learning curve and the best counts."""

    def __init__(
        self, model: MarginalModel, run: StageRun, splits: Mapping[str, Tensor | None], feed: Feed
    ) -> None:
        self.model, self.run, self.splits, self.feed = model, run, splits, feed
        self.curve: list[dict[str, float | None]] = []
        self.best: tuple[float, int, Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return all that was counted and measured so far."""
        state: dict[str, Any] = {"counts": self.model.counts, "curve": list(self.curve)}
        if self.best is not None:
            state |= {"best_nats": self.best[0], "best_step": self.best[1], "best_counts": self.best[2]}
        return state

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Restore what `state_dict` returned."""
        self.model.counts.copy_(state["counts"])
        self.curve, self.best = list(state["curve"]), None
        if "best_step" in state:
            best = state["best_counts"].to(self.model.counts)
            self.best = (state["best_nats"], state["best_step"], best)

    def clean(self, images: Tensor) -> int:
        """Count every image once; return the number of steps this stands for."""
        self.model.count(images)
        of = self.run.config.steps
        self._evaluate(of)
        if self.run.progress is not None:
            self.run.progress(self.run.stage, of, of)
        return of

    def views(self, images: Tensor) -> int:
        """Count the views of every step; return the step whose counts were selected."""
        config, batches = self.run.config, self.run.batches(images)
        looks = max(config.evaluations, config.observations if self._watches() else 0)
        marks = {round(config.steps * (i + 1) / looks) for i in range(looks)}
        for step in self.run.steps({"counting": self}):
            batch = images[batches(step).to(images.device)].float() / 255
            view, _ = self.run.view(batch, step)
            self.model.count((view * 255).round().to(torch.uint8))
            if step + 1 in marks:
                self._evaluate(step + 1)
        if self.best is None:
            return config.steps
        self.model.counts.copy_(self.best[2])
        return self.best[1]

    def _watches(self) -> bool:
        wanted = self.feed.observe is not None or self.model.config.selection == "best_validation"
        return wanted and self.splits["validation"] is not None

    def _evaluate(self, step: int) -> None:
        """Measure all splits; held-out images go to the learning curve only."""
        nats = dict(self._nats())
        unigram = _unigram_nats(self.model.counts, self.model.config.channels)
        self.curve.append({"step": step, **nats, "unigram": unigram})
        train, validation = nats["train"], nats["validation"]
        if validation is None or train is None:
            return
        if self.model.config.selection == "best_validation" and (
            self.best is None or validation < self.best[0]
        ):
            self.best = (validation, step, self.model.counts.clone())
        if self.feed.observe is not None:
            per_dim = 1 / len(self.model.counts)
            self.feed.observe(
                progress=step / self.run.config.steps,
                rate_train=train * per_dim,
                rate_validation=validation * per_dim,
                rate_unigram=unigram * per_dim,
            )

    def _nats(self) -> Iterator[tuple[str, float | None]]:
        for name, split in self.splits.items():
            yield name, None if split is None else float(self.model.nats(split).mean())


def _pooled(counts: Tensor, channels: int) -> Tensor:
    """Return each channel's histogram over all places, one more count per level. (places, 256)"""
    total = counts.view(channels, -1, LEVELS).sum(1) + 1
    return (total / total.sum(1, keepdim=True)).repeat_interleave(len(counts) // channels, 0)


def _weight(counts: Tensor, pooled: Tensor, images: int) -> float:
    """Choose the weight under which each image is likeliest to the others."""
    return _WEIGHTS[int(_left_out(counts, pooled, images).argmax())]


def _left_out(counts: Tensor, pooled: Tensor, images: int) -> Tensor:
    """Return the log-likelihood of each image under the others, summed, for each weight. (weights,)"""
    places, levels = torch.nonzero(counts, as_tuple=True)
    times, common = counts[places, levels], pooled[places, levels]
    again = times > 1  # of a level seen once, nothing but the image-wide histogram is left
    alone, known = ~again, float(counts.sum())
    fixed = float((times[alone] * torch.log(common[alone])).sum())
    single, times, common = float(times[alone].sum()), times[again], common[again]
    found = [
        single * math.log(weight)
        + fixed
        + float((times * torch.log(times - 1 + weight * common)).sum())
        - known * math.log(images - 1 + weight)
        for weight in _WEIGHTS
    ]
    return torch.tensor(found, dtype=torch.float64)


def _unigram_nats(counts: Tensor, channels: int) -> float:
    """Return the mean nats of a counted image to a model that knows each channel's histogram alone."""
    per_channel = counts.view(channels, -1, LEVELS).sum(1)
    share = per_channel / per_channel.sum(1, keepdim=True)
    entropy = -(share * torch.log(share.clamp_min(1e-300))).sum(1)  # of one sub-pixel of each channel
    return float(entropy.sum() * len(counts) / channels)


def marginal_bits(train: Tensor, images: Tensor, *, places: int = 16_384) -> float:
    """Return the bits per dimension that `images` cost under the marginals of `train` (uint8, N, C, H, W).

    What a fitted MarginalModel says, a slice of `places` sub-pixels after the other: memory stays small.
    """
    count, channels = len(train), train.shape[1]
    pooled = torch.stack([_levels(train[:, channel].flatten()) for channel in range(channels)]) + 1
    pooled = (pooled / pooled.sum(1, keepdim=True)).repeat_interleave(train[0, 0].numel(), 0)
    slices = [slice(start, start + places) for start in range(0, len(pooled), places)]
    scores = torch.zeros(len(_WEIGHTS), dtype=torch.float64)
    for part in slices:
        scores += _left_out(_counted(train, part), pooled[part], count)
    weight = _WEIGHTS[int(scores.argmax())]
    nats = 0.0
    for part in slices:
        table = torch.log((_counted(train, part) + weight * pooled[part]) / (count + weight))
        nats -= float((_counted(images, part) * table).sum())
    return nats / (math.log(2) * images.numel())


def _levels(levels: Tensor) -> Tensor:
    """Count each of 256 levels. (256,) float64"""
    return torch.bincount(levels.long(), minlength=LEVELS).double()


def _counted(images: Tensor, part: slice) -> Tensor:
    """Count the levels of some sub-pixels of uint8 images (N, C, H, W). (places, 256) float64"""
    levels = images.flatten(1)[:, part].T.long()
    first = LEVELS * torch.arange(len(levels), device=levels.device)[:, None]
    return (
        torch.bincount((levels + first).flatten(), minlength=LEVELS * len(levels)).double().view(-1, LEVELS)
    )
