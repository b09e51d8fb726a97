"""The family `pc-vq2`: all that the harness knows of PC-VQ2 (no torch until a model is built)."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.families.contract import Family, Stage
from pcvq2.config import PRESETS, PCVQ2Config, override, preset

if TYPE_CHECKING:
    from torch import Tensor

    from pcvq2 import PCVQ2

_CODES_STEP = 0.45  # a step of stage `codes`, in steps of stage `prior` of the same model


class PCVQ2Family(Family):
    """PixelCNN priors over VQ-VAE-2 codes (Mimura 2023, arXiv 2305.12681).

    Stage `codes` trains the auto-encoder; without augmentation all strategies of a seed share it, so that
    their rates are bits of the same codes. Stage `prior` trains the priors over its codes.
    """

    name = "pc-vq2"
    about = "PixelCNN priors over VQ-VAE-2 codes: the model of phased augmentation's paper"
    stages = (Stage("codes", "representation", shareable=True), Stage("prior", "density"))
    parts = ("vqvae", "prior")
    presets = tuple(PRESETS)
    dropout = "prior"

    def preset(self, name: str, *, size: int, channels: int) -> PCVQ2Config:
        return preset(name, size=size, channels=channels)

    def told(self, config: PCVQ2Config, stage: str, numbers: int) -> PCVQ2Config:
        return override(config, {"codes": "vqvae", "prior": "prior"}[stage], {"conditions": numbers})

    def build(self, config: PCVQ2Config, *, seed: int, device: str) -> PCVQ2:
        from pcvq2 import PCVQ2

        return PCVQ2(config, seed=seed, device=device)

    def load(self, folder: Path, *, device: str = "cpu") -> PCVQ2:
        from pcvq2 import PCVQ2

        return PCVQ2.load(folder, device=device)

    def step_work(self, config: PCVQ2Config, stage: str) -> float:
        """Estimate it: of a narrow network memory is the limit, of a wide one multiplications."""
        prior, pixels = config.prior, config.size**2
        work = config.prior_stage.batch * pixels * prior.channels * (prior.channels + 64) * prior.layers
        return work if stage == "prior" else _CODES_STEP * work

    def decides(self, config: PCVQ2Config, stage: str) -> Hashable:
        return (config.size, config.vqvae, config.codes_stage)

    def weight_bytes(self, model: PCVQ2, stage: str) -> int:
        weights = (model.vqvae if stage == "codes" else model.prior).state_dict().values()
        return sum(tensor.numel() * tensor.element_size() for tensor in weights)

    def diagnostics(self, model: PCVQ2, heldout: Tensor) -> dict[str, Any]:
        """Return how the codebooks are used on held-out images: a collapsed map has perplexity near 1."""
        from benchmark.metrics.codes import code_usage

        keys: dict[str, Any] = {"codebook_size": model.config.vqvae.codes}
        for level, codes in zip(model.config.vqvae.levels, model.encode(heldout), strict=True):
            keys[f"perplexity_{level}"], keys[f"codes_used_{level}"] = code_usage(codes)
        return keys
