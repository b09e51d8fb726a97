"""attempt."""

from __future__ import annotations

import contextlib
import traceback
from typing import Any

import torch

from benchmark.planning.trial import Trial
from benchmark.store.storable import storable
from benchmark.store.store import Record, Store
from benchmark.terms import Keep
from benchmark.trial.recipe import run_trial
from benchmark.trial.record import failure
from pcvq2.trainer.optimiser import NonFiniteLoss
from strategies.contract.answers import said

MEMORY_ADVICE = (
    "take a smaller batch, training.prior.micro_batch or a smaller model, or run fewer trials at once: "
    "a larger share under `resources`, --max-concurrent 1"
)


def attempt_trial(trial: Trial, store: Store, *, keep: Keep = "models", **settings: Any) -> Record:
    """Run a trial and store its record; an error becomes a failure record with reason and traceback.

    A trial that is done needs its checkpoints no more; one that failed goes on from them when it is tried
    again, unless they lead to a nan. `settings` are those of `run_trial`.
    """
    needed = keep == "all"
    try:
        record, artifacts = run_trial(trial, store, **settings)
        record = storable(record)
        store.write(record, artifacts)
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        record = _failure(trial, error)
        needed = not isinstance(error, NonFiniteLoss)
        with contextlib.suppress(OSError):  # a full disk: whoever called still learns of it
            store.write(record, {})
    if not needed:
        store.drop_checkpoint(trial.id)
    if keep == "records":
        store.drop_model(trial.id)
    return record


def _failure(trial: Trial, error: BaseException) -> Record:
    """Return the record of an error, with advice where memory was short."""
    reason = said(error)
    if not _out_of_memory(error):
        return failure(trial, reason, traceback.format_exc())
    return failure(trial, f"{reason} ({MEMORY_ADVICE})", traceback.format_exc(), "out_of_memory")


def _out_of_memory(error: BaseException) -> bool:
    """Say whether memory was short: PyTorch's CPU allocator raises a bare RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in said(error)
