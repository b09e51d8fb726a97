"""How fast work is done here, learned stage by stage: seconds per unit of counted work."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

KindOfWork = tuple[object, ...]  # its first element is the stage


@dataclass
class Paces:
    """Learn from what was measured; what was not is taken from its stage, or from everything."""

    measured: float = 0.0  # work
    _work: dict[KindOfWork, float] = field(default_factory=lambda: defaultdict(float))
    _seconds: dict[KindOfWork, float] = field(default_factory=lambda: defaultdict(float))

    def note(self, kind: KindOfWork, work: float, seconds: float) -> None:
        """Take in that some work of a kind took so many seconds; waiting within it counts, too."""
        self.measured += work
        for key in (kind, kind[:1], ()):
            self._work[key] += work
            self._seconds[key] += seconds

    def seconds(self, kind: KindOfWork, work: float) -> float:
        """Return how long work of a kind will take; `work` itself where nothing was measured yet."""
        for key in (kind, kind[:1], ()):
            if self._work[key] > 0:
                return work * self._seconds[key] / self._work[key]
        return work
