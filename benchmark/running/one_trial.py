"""What is done with one trial, wherever it runs: claim it, run it with its own log, try it again."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable
from typing import Any

import torch

from benchmark.data import Dataset
from benchmark.planning.trial import Trial
from benchmark.running.terms import Keep, Terms
from benchmark.running.trial_log import trial_log
from benchmark.running.watchdog import Alarm, Sentry, Stalled
from benchmark.store.storable import storable
from benchmark.store.store import Record, Store
from benchmark.trial.recipe import run_trial
from benchmark.trial.record import failure
from pcvq2.trainer.optimiser import NonFiniteLoss
from strategies.contract.answers import said

Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all
Stop = Callable[[], bool]


def work_on(
    trial: Trial,
    store: Store,
    terms: Terms,
    *,
    progress: Progress,
    stop: Stop | None = None,
    dataset: Dataset | None = None,
    on_stall: Callable[[], None] | None = None,
) -> Record | None:
    """Run a trial and return its record; None when another process is at it.

    `stop` is asked between steps and stages; a yes is a Ctrl-C: a checkpoint, then KeyboardInterrupt. A trial
    that hangs fails; in a worker, which calls `on_stall` then, it takes its process with it.
    """
    watch = _watch(trial, store, terms, on_stall)

    def go_on(stage: str, step: int, steps: int) -> None:
        watch.beat(stage, step, steps)
        if stop is not None and stage not in trial.stages and stop():
            raise KeyboardInterrupt  # the last checkpoint of the last stage holds all of the training
        progress(stage, step, steps)

    try:
        with store.claim(trial.id) as ours:
            if not ours:
                return None
            known = store.load(trial.id)
            if known is not None and known["status"] == "done":  # by another run, since ours was planned
                return known
            with trial_log(store.log_path(trial.id), trial.title) as log, watch:
                return _attempts(trial, store, terms, log, progress=go_on, stop=stop, dataset=dataset)
    except OSError as error:  # no place for as much as a lock
        return failure(trial, said(error))


def _watch(trial: Trial, store: Store, terms: Terms, on_stall: Callable[[], None] | None) -> Alarm | Sentry:
    if on_stall is None:
        return Alarm(terms.stall_seconds)

    def give_up(error: Stalled, where: str) -> None:
        record = failure(trial, f"Stalled: {error}", where, "stalled")
        logging.getLogger("bench").error("%s\n%s", record["reason"], where)
        store.write(record, {})
        on_stall()

    return Sentry(terms.stall_seconds, give_up)


def _attempts(
    trial: Trial,
    store: Store,
    terms: Terms,
    log: logging.Logger,
    *,
    progress: Progress,
    stop: Stop | None,
    dataset: Dataset | None,
) -> Record:
    from benchmark.running.one_trial import attempt_trial

    noted = ""

    def logged(stage: str, step: int, steps: int) -> None:
        nonlocal noted
        if stage != noted:
            log.info("stage %s, step %d of %d", stage, step, steps)
            noted = stage
        progress(stage, step, steps)

    settings = {**terms.settings, "progress": logged, "stop": stop, "dataset": dataset}
    for attempt in range(terms.retries + 1):
        record = attempt_trial(trial, store, **settings)
        if record["status"] == "done":
            log.info("done in %.1f s", record["wall_seconds"])
            break
        log.error("attempt %d failed: %s\n%s", attempt + 1, record["reason"], record["traceback"])
        if record["cause"] == "out_of_memory":  # the run tries it again alone
            break
    return record


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
