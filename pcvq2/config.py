"""Sizes and training settings of PC-VQ2, with the origin of every number that has one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from pcvq2.trainer.limits import check_number, check_whole
from pcvq2.trainer.settings import Precision, Selection, StageConfig, check_precision, override

__all__ = ["PRESETS", "PCVQ2Config", "PriorConfig", "StageConfig", "VQVAE2Config", "override", "preset"]

_FACTORS = tuple(2**power for power in range(1, 11))


@dataclass(frozen=True)
class VQVAE2Config:
    """Describe the auto-encoder; the defaults are the 256 px column of VQ-VAE-2's appendix.

    Source: Razavi, van den Oord, Vinyals (2019), *Generating Diverse High-Fidelity Images with VQ-VAE-2*.
    `downsample` reads from the image outwards: (4, 2) means image -> /4 bottom -> /2 top.
    """

    hidden: int = 128
    residual_hidden: int = 64
    residual_layers: int = 2
    downsample: tuple[int, ...] = (4, 2)
    codes: int = 512
    code_dim: int = 64
    commitment: float = 0.25
    decay: float = 0.99
    continuous: float = 0.1  # share of the stage trained before quantisation starts (ours)
    revive_below: float = 0.1  # a code is dead under this share of the mean count (ours; Jukebox: count < 1)
    conditions: int = 0  # numbers that the decoder is told about each view; 0 = nothing
    precision: Precision = "float32"  # of the products in training; see pcvq2/trainer/precision.py

    def __post_init__(self) -> None:
        factors = self.downsample
        whole = isinstance(factors, tuple) and all(isinstance(f, int) for f in factors)
        if not whole or not factors or any(f not in _FACTORS for f in factors):
            raise ValueError(f"downsample must hold powers of two >= 2, got {factors!r}")
        check_whole(self, 2, 8192, "hidden", "residual_hidden", "code_dim")
        check_whole(self, 2, 2**20, "codes")
        check_whole(self, 0, 1000, "residual_layers")
        check_whole(self, 0, 10_000, "conditions")
        check_number(self, "commitment", 0, math.inf)
        check_number(self, "decay", 0, 1, ends="()")
        check_number(self, "continuous", 0, 1, ends="[)")
        check_number(self, "revive_below", 0, 1)
        check_precision(self.precision)

    @property
    def levels(self) -> tuple[str, ...]:
        """Name the levels, coarsest first: ('top', 'bottom'), with 'middle' levels between."""
        middle = len(self.downsample) - 2
        names = [f"middle{i or ''}" for i in range(middle)]
        return ("top", *names, "bottom") if len(self.downsample) > 1 else ("bottom",)

    def map_sizes(self, size: int) -> tuple[int, ...]:
        """Give each level's side length for images of `size` pixels, coarsest first."""
        sides, side = [], size
        for factor in self.downsample:
            if side % factor:
                raise ValueError(f"{size} px cannot be halved down by {self.downsample}: {side} / {factor}")
            side //= factor
            sides.append(side)
        return tuple(reversed(sides))


@dataclass(frozen=True)
class PriorConfig:
    """Describe the PixelCNN of one level (all levels share it, but only the coarsest may attend)."""

    channels: int = 128
    layers: int = 10
    dropout: float = 0.1  # VQ-VAE-2's ImageNet priors: 0.1; FFHQ-1024: 0.25 to 0.5
    context_layers: int = 2
    conditions: int = 0  # numbers that the prior is told about each view; 0 = unconditional
    attention_heads: int = 0  # of the coarsest level's prior; 0 = no attention; VQ-VAE-2: 8
    precision: Precision = "float32"  # of the products in training; see pcvq2/trainer/precision.py
    attention_every: int = 5  # layers, counted back from the last; VQ-VAE-2: 4 in 20 layers

    def __post_init__(self) -> None:
        check_whole(self, 1, 8192, "channels")
        check_whole(self, 1, 1000, "layers", "attention_every")
        check_whole(self, 0, 1000, "context_layers", "attention_heads")
        check_whole(self, 0, 10_000, "conditions")
        check_number(self, "dropout", 0, 1, ends="[)")
        check_precision(self.precision)


@dataclass(frozen=True)
class PCVQ2Config:
    """Gather everything that decides a PC-VQ2 model but its data and its seed."""

    size: int
    channels: int
    vqvae: VQVAE2Config = field(default_factory=VQVAE2Config)
    prior: PriorConfig = field(default_factory=PriorConfig)
    codes_stage: StageConfig = field(default_factory=lambda: StageConfig(300, 64, 1e-3))
    prior_stage: StageConfig = field(default_factory=lambda: StageConfig(500, 32, 1e-3))
    selection: Selection = "last"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (colour), got {self.channels}")
        if self.codes_stage.micro_batch is not None:
            raise ValueError("micro_batch is for the stage prior: a codebook moves once per whole batch")
        self.vqvae.map_sizes(self.size)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PCVQ2Config:
        """Rebuild a configuration from `to_dict` (tuples may have become lists)."""
        vqvae = dict(values["vqvae"])
        vqvae["downsample"] = tuple(vqvae["downsample"])
        return cls(
            size=values["size"],
            channels=values["channels"],
            vqvae=VQVAE2Config(**vqvae),
            prior=PriorConfig(**values["prior"]),
            codes_stage=StageConfig(**values["codes_stage"]),
            prior_stage=StageConfig(**values["prior_stage"]),
            selection=values["selection"],
        )


def _preset(
    vqvae: VQVAE2Config, prior: PriorConfig, codes: StageConfig, stage: StageConfig
) -> dict[str, Any]:
    return {"vqvae": vqvae, "prior": prior, "codes_stage": codes, "prior_stage": stage}


PRESETS: dict[str, dict[str, Any]] = {
    # 16 px in half a minute of one core: 8x8 bottom and 4x4 top codes
    "tiny": _preset(
        VQVAE2Config(
            hidden=32,
            residual_hidden=16,
            downsample=(2, 2),
            codes=64,
            code_dim=16,
            decay=0.95,
            precision="auto",
        ),
        PriorConfig(channels=32, layers=4, precision="auto"),
        StageConfig(steps=900, batch=48, learning_rate=2e-3),
        StageConfig(steps=400, batch=32, learning_rate=2e-3),
    ),
    # 32 px in minutes: 16x16 bottom and 8x8 top codes
    "small": _preset(
        VQVAE2Config(
            hidden=48,
            residual_hidden=24,
            downsample=(2, 2),
            codes=256,
            code_dim=32,
            decay=0.97,
            precision="auto",
        ),
        PriorConfig(channels=48, layers=6, precision="auto"),
        StageConfig(steps=1600, batch=64, learning_rate=1e-3),
        StageConfig(steps=1500, batch=32, learning_rate=1e-3),
    ),
    # 64 px on one GPU
    "base": _preset(
        VQVAE2Config(
            hidden=128,
            residual_hidden=64,
            downsample=(4, 2),
            codes=512,
            code_dim=64,
            continuous=0.02,
            precision="auto",
        ),
        PriorConfig(channels=128, layers=10, dropout=0.3, precision="auto"),
        StageConfig(steps=20_000, batch=64, learning_rate=3e-4),
        StageConfig(steps=40_000, batch=32, learning_rate=5e-4, polyak=0.9995),
    ),
    # 256 px: the auto-encoder of VQ-VAE-2's appendix; the prior's size and all steps are ours
    "paper": _preset(
        VQVAE2Config(continuous=0.02, precision="auto"),
        PriorConfig(
            channels=256, layers=20, dropout=0.3, context_layers=8, attention_heads=8, precision="auto"
        ),
        StageConfig(steps=200_000, batch=128, learning_rate=3e-4),
        StageConfig(steps=300_000, batch=32, micro_batch=4, learning_rate=3e-4, polyak=0.9995),
    ),
}


def preset(name: str, *, size: int, channels: int) -> PCVQ2Config:
    """Return the named preset for images of `size` pixels and `channels` channels."""
    if name not in PRESETS:
        raise KeyError(f"preset '{name}' is unknown; known: {', '.join(PRESETS)}")
    return PCVQ2Config(size=size, channels=channels, **PRESETS[name])
