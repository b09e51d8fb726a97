"""PCVQ2: the model as a library, in the five things a harness asks of it: fit, sample, reconstruct,
bits_per_dim, save/load."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import filelock
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pcvq2.config import PCVQ2Config
from pcvq2.likelihood import BITS_PER_NAT, Ledger, log_prob_levels
from pcvq2.prior import Prior
from pcvq2.randomness import derive_seed
from pcvq2.training import (
    Augment,
    FitLog,
    Observe,
    PriorStage,
    Progress,
    Splits,
    as_floats,
    encode_all,
    identity_label,
    train_codes,
)
from pcvq2.vqvae2 import VQVAE2

_FORMAT = 1


class PCVQ2:
    """PixelCNN priors over VQ-VAE-2 codes (Mimura 2023, arXiv 2305.12681, names the combination PC-VQ2).

    Images are uint8 tensors (N, C, H, W) on `device`, square, of the configuration's size and channels.
    The seed decides the initial weights, the order of images and every draw; the global generator is left
    as it was found.
    """

    def __init__(self, config: PCVQ2Config, *, seed: int = 0, device: str | torch.device = "cpu") -> None:
        self.config, self.seed, self.device = config, seed, torch.device(device)
        levels = len(config.vqvae.downsample)
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(seed, "init", "codes"))
            self.vqvae = VQVAE2(config.vqvae, channels=config.channels).to(self.device).eval()
            torch.manual_seed(derive_seed(seed, "init", "prior"))
            self.prior = Prior(config.prior, codes=config.vqvae.codes, levels=levels).to(self.device).eval()

    @property
    def parameters_count(self) -> int:
        """Count trained parameters and codebook entries."""
        trained = sum(p.numel() for m in (self.vqvae, self.prior) for p in m.parameters())
        return trained + sum(q.codebook.numel() for q in self.vqvae.quantizers)

    def fit(
        self,
        images: Tensor,
        augment: Augment | None = None,
        *,
        validation: Tensor | None = None,
        heldout: Tensor | None = None,
        observe: Observe | None = None,
        augmented_stages: tuple[str, ...] = ("codes", "prior"),
        shared: Path | None = None,
        progress: Progress | None = None,
    ) -> FitLog:
        """Train both stages; images and validation together are the budget.

        The auto-encoder learns from both, the priors from `images` only; `validation` feeds `observe` and
        the checkpoint selection `best_validation`; `heldout` is measured for the learning curve and decides
        nothing. A stage `codes` without augmentation is kept in and taken from the folder `shared`.
        Raises ValueError for images of another shape or type, NonFiniteLoss.
        """
        for name, split in (("images", images), ("validation", validation), ("heldout", heldout)):
            if split is not None:
                self._check(split, name)
        if self.config.selection == "best_validation" and validation is None:
            raise ValueError("selection 'best_validation' needs validation images")
        log = FitLog()
        pool = images if validation is None else torch.cat([images, validation])
        codes_augment = augment if "codes" in augmented_stages else None
        prior_augment = augment if "prior" in augmented_stages else None
        with torch.random.fork_rng():
            self._fit_codes(pool, codes_augment, shared, progress, log)
            start = time.perf_counter()
            stage = PriorStage(
                self.prior,
                self.vqvae,
                self.config,
                Splits(
                    encode_all(self.vqvae, images),
                    None if validation is None else encode_all(self.vqvae, validation),
                    None if heldout is None else encode_all(self.vqvae, heldout),
                ),
                self.seed,
            )
            log.selected_step = stage.run(images, augment=prior_augment, observe=observe, progress=progress)
            log.curve = stage.curve
        log.prior_seconds = time.perf_counter() - start
        log.images_seen += self.config.prior_stage.steps * self.config.prior_stage.batch
        return log

    def _fit_codes(
        self,
        pool: Tensor,
        augment: Augment | None,
        shared: Path | None,
        progress: Progress | None,
        log: FitLog,
    ) -> None:
        start = time.perf_counter()

        def train() -> None:
            train_codes(self.vqvae, pool, self.config, seed=self.seed, augment=augment, progress=progress)

        if shared is None or augment is not None:
            train()
        else:
            shared.mkdir(parents=True, exist_ok=True)
            path = shared / f"{self._codes_key(pool)}.safetensors"
            with filelock.FileLock(path.with_suffix(".lock")):
                log.codes_shared = path.exists()
                if not log.codes_shared:
                    train()
                    _write_tensors(dict(self.vqvae.state_dict()), path)
            # read back in both cases: who trained and who borrowed hold the same bytes
            self.vqvae.load_state_dict(load_file(path, device=str(self.device)))
            self.vqvae.eval()
        log.codes_seconds = time.perf_counter() - start
        log.images_seen += self.config.codes_stage.steps * self.config.codes_stage.batch

    def _codes_key(self, pool: Tensor) -> str:
        """Name the stage `codes` by all it depends on: images, sizes, settings, seed, format."""
        values = self.config.to_dict()
        parts = [values[k] for k in ("size", "channels", "vqvae", "codes_stage")]
        digest = hashlib.sha256(json.dumps([_FORMAT, self.seed, *parts], sort_keys=True).encode())
        digest.update(pool.cpu().numpy().tobytes())
        return digest.hexdigest()[:24]

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0, batch: int = 256) -> Tensor:
        """Draw n images: uint8 (n, C, H, W). Equal (n, seed) means equal noise, whatever the weights."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "sample"))
        sides = self.config.vqvae.map_sizes(self.config.size)
        uniforms = [torch.rand(n, side, side, generator=generator).to(self.device) for side in sides]
        images = []
        for start in range(0, n, batch):
            chunk = [u[start : start + batch] for u in uniforms]
            label = identity_label(self.prior, len(chunk[0]), self.device)
            images.append(self.decode(self.prior.sample(chunk, label, temperature)))
        return torch.cat(images)

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the code maps of uint8 images, (N, h, w) int64 per level, coarsest first."""
        self._check(images, "images")
        return encode_all(self.vqvae, images)

    @torch.no_grad()
    def decode(self, codes: list[Tensor]) -> Tensor:
        """Return the mean image of code maps as uint8 (N, C, H, W)."""
        mean = self.vqvae.decode(codes).mean
        return ((mean.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)

    def reconstruct(self, images: Tensor, batch: int = 256) -> Tensor:
        """Encode and decode uint8 images (N, C, H, W)."""
        return torch.cat([self.decode(self.encode(chunk)) for chunk in images.split(batch)])

    @torch.no_grad()
    def bits_per_dim(self, images: Tensor, batch: int = 128) -> Ledger:
        """Return the ledger of -log2 p(x) <= rates + distortion for clean uint8 images, per image."""
        self._check(images, "images")
        per_dim = BITS_PER_NAT / images[0].numel()
        rates: list[list[Tensor]] = [[] for _ in self.config.vqvae.levels]
        distortions = []
        for chunk in images.split(batch):
            maps = self.vqvae.encode(as_floats(chunk))
            label = identity_label(self.prior, len(chunk), chunk.device)
            for level, nats in enumerate(self.prior.nats(maps, label)):
                rates[level].append(nats * per_dim)
            pixels = self.vqvae.decode(maps)
            nats = -log_prob_levels(chunk, pixels.mean, pixels.log_scale).sum((1, 2, 3))
            distortions.append(nats * per_dim)
        names = self.config.vqvae.levels
        return Ledger({n: torch.cat(r) for n, r in zip(names, rates, strict=True)}, torch.cat(distortions))

    def save(self, folder: Path) -> None:
        """Write model.safetensors and model.json into a folder, each replaced atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"vqvae.{k}": v for k, v in self.vqvae.state_dict().items()}
        tensors |= {f"prior.{k}": v for k, v in self.prior.state_dict().items()}
        _write_tensors(tensors, folder / "model.safetensors")
        about = {"format": _FORMAT, "seed": self.seed, "config": self.config.to_dict()}
        scratch = folder / f"model.json.{os.getpid()}.part"
        scratch.write_text(json.dumps(about, indent=2))
        os.replace(scratch, folder / "model.json")

    @classmethod
    def load(cls, folder: Path, *, device: str | torch.device = "cpu") -> PCVQ2:
        """Read a saved model; tensors and JSON only, so loading executes no code."""
        about = json.loads((folder / "model.json").read_text())
        if about["format"] != _FORMAT:
            raise ValueError(f"{folder}: model format {about['format']}, this version reads {_FORMAT}")
        model = cls(PCVQ2Config.from_dict(about["config"]), seed=about["seed"], device=device)
        tensors = load_file(folder / "model.safetensors", device=str(model.device))
        for name, module in (("vqvae.", model.vqvae), ("prior.", model.prior)):
            part = {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}
            module.load_state_dict(part)
        return model

    def _check(self, images: Tensor, name: str) -> None:
        expected = (self.config.channels, self.config.size, self.config.size)
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != expected or not len(images):
            raise ValueError(
                f"{name} must be uint8 (N >= 1, {', '.join(map(str, expected))}), "
                f"got {images.dtype} {tuple(images.shape)}"
            )


def _write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file({k: v.contiguous() for k, v in tensors.items()}, scratch)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
