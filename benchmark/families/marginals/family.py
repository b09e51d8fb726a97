"""The family `marginals`: its configuration and presets (no torch)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.families.contract import Family, Stage
from pcvq2.trainer.settings import Selection, StageConfig

if TYPE_CHECKING:
    from benchmark.families.marginals.model import MarginalModel


@dataclass(frozen=True)
class MarginalsConfig:
    """Describe histograms per pixel; there is nothing to choose but how many views are counted."""

    size: int
    channels: int
    counts_stage: StageConfig = field(default_factory=lambda: StageConfig(100, 32, 1.0))
    selection: Selection = "last"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (colour), got {self.channels}")
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MarginalsConfig:
        """Rebuild a configuration from `to_dict`."""
        return cls(**{**values, "counts_stage": StageConfig(**values["counts_stage"])})


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
