"""The task `density`: give images a probability, and draw some."""

from __future__ import annotations

from benchmark.tasks.contract import Headline, Task

DENSITY = Task(
    name="density",
    headline=Headline("bpd_heldout", "held-out bits/dim", "bits/dim", "lower"),
    validation_score="bpd_validation",
)
