"""The family `marginals` (no torch)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.families.contract import Family, Stage
from benchmark.families.marginals.config import MarginalsConfig

if TYPE_CHECKING:
    from benchmark.families.marginals.model import MarginalModel


class Marginals(Family):
    """Count how often each pixel has each level; pixels are independent of each other.

    The absolute baseline of a density task: a model worth comparing needs fewer bits. Clean images are
    counted once each; a strategy's views are counted batch by batch, `steps` of them.
    """

    name = "marginals"
    about = "an independent histogram per pixel, fitted by counting: the baseline of every density table"
    stages = (Stage("counts", "density"),)
    presets = ("counts",)
    reference = True

    def preset(self, name: str, *, size: int, channels: int) -> MarginalsConfig:
        if name not in self.presets:
            raise KeyError(f"preset '{name}' is unknown; known: {', '.join(self.presets)}")
        return MarginalsConfig(size, channels)

    def build(self, config: MarginalsConfig, *, seed: int, device: str) -> MarginalModel:
        from benchmark.families.marginals.model import MarginalModel

        return MarginalModel(config, seed=seed, device=device)

    def load(self, folder: Path, *, device: str = "cpu") -> MarginalModel:
        from benchmark.families.marginals.model import MarginalModel

        return MarginalModel.load(folder, device=device)

    def step_work(self, config: MarginalsConfig, stage: str) -> float:
        return float(config.counts_stage.batch * config.channels * config.size**2)
