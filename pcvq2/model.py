"""PCVQ2: the model as a library, in the five things a harness asks of it: fit, sample, reconstruct,
bits_per_dim, save/load."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from pcvq2.codes_stage import as_floats, encode_all, identity_condition
from pcvq2.config import PCVQ2Config
from pcvq2.fitting import Fitting
from pcvq2.likelihood import BITS_PER_NAT, Ledger, log_prob_levels
from pcvq2.prior import Prior, PriorSampler
from pcvq2.trainer.log import FitLog
from pcvq2.trainer.randomness import derive_seed
from pcvq2.trainer.session import Feed, Session
from pcvq2.trainer.tensor_file import write_tensors
from pcvq2.trainer.whole_file import write_whole
from pcvq2.vqvae2 import VQVAE2

_FORMAT = 1


def _silent(*what: int) -> None:
    """Report to nobody."""


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
        codebooks = len(self.config.vqvae.levels) * self.config.vqvae.codes * self.config.vqvae.code_dim
        return trained + codebooks

    def fit(
        self,
        images: Tensor,
        feed: Feed | None = None,
        session: Session | None = None,
        *,
        validation: Tensor | None = None,
        heldout: Tensor | None = None,
    ) -> FitLog:
        """Train both stages; images and validation together are the budget.

        The auto-encoder learns from both, the priors from `images` only; `validation` feeds `feed.observe`
        and the checkpoint selection `best_validation`; `heldout` is measured for the learning curve and
        decides nothing. A stage `codes` without augmentation is kept in and taken from `session.shared`.

        With a folder for checkpoints, fit writes one now and then and, called again with the same arguments
        after whatever stopped it, goes on from the last good one to the same weights, bit for bit (same
        machine, same thread count). One of other images, settings or another owner is refused. The folder is
        the caller's to remove. Raises ValueError for images of another shape or type, NonFiniteLoss.
        """
        splits = {"train": images, "validation": validation, "heldout": heldout}
        for name, split in splits.items():
            if split is not None:
                self._check(split, "images" if name == "train" else name)
        if self.config.selection == "best_validation" and validation is None:
            raise ValueError("selection 'best_validation' needs validation images")
        pool = images if validation is None else torch.cat([images, validation])
        fitting = Fitting(self.config, self.seed, feed or Feed(), session or Session())
        with torch.random.fork_rng():
            fitting.codes(self.vqvae, pool)
            fitting.prior(self.prior, self.vqvae, splits)
        return fitting.log

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        batch: int = 256,
        progress: Callable[[int, int], None] = _silent,
    ) -> Tensor:
        """Draw n images: uint8 (n, C, H, W). Equal (n, seed) means equal noise, whatever the weights.

        `progress` hears how many images of how many are drawn: after each batch, and with each row of codes.
        """
        generator = torch.Generator().manual_seed(derive_seed(seed, "sample"))
        sides = self.config.vqvae.map_sizes(self.config.size)
        uniforms = [torch.rand(n, side, side, generator=generator).to(self.device) for side in sides]
        done, images = 0, []
        draw = PriorSampler(self.prior, temperature, pulse=lambda: progress(done, n))
        for start in range(0, n, batch):
            progress(start, n)
            chunk = [u[start : start + batch] for u in uniforms]
            condition = identity_condition(self.prior, len(chunk[0]), self.device)
            images.append(self.decode(draw(chunk, condition)))
            done += len(images[-1])
        progress(n, n)
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

    def reconstruct(self, images: Tensor, batch: int = 256, *, pulse: Callable[[], None] = _silent) -> Tensor:
        """Encode and decode uint8 images (N, C, H, W); `pulse` is called with each batch."""
        rebuilt = []
        for chunk in images.split(batch):
            pulse()
            rebuilt.append(self.decode(self.encode(chunk)))
        return torch.cat(rebuilt)

    @torch.no_grad()
    def bits_per_dim(
        self, images: Tensor, batch: int = 128, *, pulse: Callable[[], None] = _silent
    ) -> Ledger:
        """Return the ledger of -log2 p(x) <= rates + distortion for clean uint8 images, per image.

        `pulse` is called with each batch.
        """
        self._check(images, "images")
        per_dim = BITS_PER_NAT / images[0].numel()
        rates: list[list[Tensor]] = [[] for _ in self.config.vqvae.levels]
        distortions = []
        for chunk in images.split(batch):
            pulse()
            maps = self.vqvae.encode(as_floats(chunk))
            condition = identity_condition(self.prior, len(chunk), chunk.device)
            for level, nats in enumerate(self.prior.nats(maps, condition)):
                rates[level].append(nats * per_dim)
            pixels = self.vqvae.decode(maps)
            nats = -log_prob_levels(chunk, pixels.mean, pixels.log_scale).sum((1, 2, 3))
            distortions.append(nats * per_dim)
        names = self.config.vqvae.levels
        return Ledger({n: torch.cat(r) for n, r in zip(names, rates, strict=True)}, torch.cat(distortions))

    def save(self, folder: Path | str) -> None:
        """Write model.safetensors and model.json into a folder, each replaced atomically."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"vqvae.{k}": v for k, v in self.vqvae.state_dict().items()}
        tensors |= {f"prior.{k}": v for k, v in self.prior.state_dict().items()}
        write_tensors(tensors, folder / "model.safetensors", {"format": _FORMAT})
        about = {"format": _FORMAT, "seed": self.seed, "config": self.config.to_dict()}
        write_whole(folder / "model.json", json.dumps(about, indent=2).encode())

    @classmethod
    def load(cls, folder: Path | str, *, device: str | torch.device = "cpu") -> PCVQ2:
        """Read a saved model; tensors and JSON only, so loading executes no code."""
        folder = Path(folder)
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
