"""The terms on which trials are run; none of them decides an outcome."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from benchmark.errors import UserError, unknown_name
from benchmark.planning.suite import Suite

Keep = Literal["records", "models", "all"]


@dataclass(frozen=True)
class Terms:
    """What a trial takes of a machine, and what is done when it fails, ends or hangs.

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

    @property
    def settings(self) -> dict[str, Any]:
        """Return the arguments of `attempt_trial` that these terms decide."""
        return {
            "device": "cuda" if self.gpus else "cpu",
            "threads": self.cpus,
            "checkpoint_seconds": self.checkpoint_seconds,
            "keep": self.keep,
        }


def checked_keep(name: str) -> Keep:
    """Return what --keep names. Raises UserError."""
    if name not in get_args(Keep):
        raise UserError(*unknown_name("--keep", name, get_args(Keep)))
    return cast(Keep, name)


def on_the_suites_shares(terms: Terms, suite: Suite) -> Terms:
    """Return terms with what of the machine a trial of the suite takes."""
    shares = suite.settings.resources
    return dataclasses.replace(
        terms, cpus=shares.cpus, gpus=shares.gpus, checkpoint_seconds=shares.checkpoint_seconds
    )
