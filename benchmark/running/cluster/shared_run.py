"""What the driver of a run tells every worker of it (no Ray)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial
    from benchmark.running.engine import WorkOn
    from benchmark.running.run_settings import RunSettings


@dataclass(frozen=True)
class SharedRun:
    """Say what a worker needs to know of a run; fetched once per process, its datasets once per node.

    Trials bring the sources of the plugins they name: strategies, extractors, and all these import.
    """

    run: str
    root: Path
    driver_node: str
    settings: RunSettings
    work_on: WorkOn  # what is done with one trial
    served: Any  # handle of the actor that runs a ServedStore
    trials: dict[str, Trial]
    datasets: dict[str, Any] = field(default_factory=dict)  # references, by fingerprint
