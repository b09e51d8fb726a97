"""What there is to choose about marginals: how many views are counted (no torch)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pcvq2.trainer.settings import Selection, StageConfig


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
