"""A strategy of a suite's own: narrow phase by phase, and tell the model what it sees."""

from strategies.conditional import Conditional
from strategies.phased import Phased


class PhasedConditional(Conditional):
    """Conditional augmentation whose ranges narrow like those of `phased`, with its defaults."""

    def __init__(self, clean: float = 0.25) -> None:
        super().__init__(clean=clean)
        self._phases = Phased()

    def strength(self, progress: float) -> float:
        return self._phases.strength(progress)
