"""How trials are run: what each takes of the machine, and what is done when one fails, ends or hangs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from benchmark.errors import UserError, unknown_name
from benchmark.trial.attempt import Attempt, Keep

if TYPE_CHECKING:
    from benchmark.data import Dataset
    from benchmark.planning.suite import Suite
    from pcvq2.trainer.session import Progress


@dataclass(frozen=True)
class RunSettings:
    """Say how trials are run; none of it decides an outcome.

    keep: what a finished trial leaves on disk beside its record: nothing, its model, or its checkpoints too.
    retries: how often a failed trial is tried again in the same run (a worker that died is replaced anyway).
    stall_seconds: a trial that makes no step of any stage for so long fails; 0: it may hang.
    address: of a Ray cluster; None starts Ray on this machine, reachable from this machine only.
    """

    cpus: int = 1
    gpus: float = 0.0
    checkpoint_seconds: float = 60.0
    keep: Keep = "models"
    retries: int = 0
    fail_fast: bool = False
    stall_seconds: float = 1800.0
    max_concurrent: int | None = None
    address: str | None = None

    def attempt(
        self, progress: Progress, stop: Callable[[], bool] | None = None, dataset: Dataset | None = None
    ) -> Attempt:
        """Return what an attempt at a trial is given under these settings."""
        device = "cuda" if self.gpus else "cpu"
        return Attempt(device, self.cpus, self.checkpoint_seconds, self.keep, progress, stop, dataset)


def checked_keep(name: str) -> Keep:
    """Return what --keep names. Raises UserError."""
    if name not in get_args(Keep):
        raise UserError(*unknown_name("--keep", name, get_args(Keep)))
    return cast(Keep, name)


def with_the_suites_shares(settings: RunSettings, suite: Suite) -> RunSettings:
    """Return settings with what of the machine a trial of the suite takes."""
    shares = suite.settings.resources
    return dataclasses.replace(
        settings, cpus=shares.cpus, gpus=shares.gpus, checkpoint_seconds=shares.checkpoint_seconds
    )
