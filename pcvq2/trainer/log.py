"""What training leaves behind beside the weights (no torch)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StageLog:
    """Say what a stage took; seconds include those of processes that this one went on from."""

    steps: int
    batch: int
    seconds: float
    precision: str = ""  # what "auto" came to
    shared: bool = False  # taken from a shared folder, not trained here


@dataclass
class FitLog:
    """Hold a log per stage, in order, and the learning curve of the last."""

    stages: dict[str, StageLog] = field(default_factory=dict)
    earlier_seconds: float = 0.0  # of all stages, spent by processes that this one went on from
    selected_step: int = 0
    curve: list[dict[str, float | None]] = field(default_factory=list)  # losses in nats per image

    @property
    def images_seen(self) -> int:
        """Count the images of all batches of all stages."""
        return sum(log.steps * log.batch for log in self.stages.values())
