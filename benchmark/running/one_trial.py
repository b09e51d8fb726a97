"""What is done with one trial, wherever it runs: claim it, run it with its own log, try it again."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import traceback
from collections.abc import Callable

import torch

from benchmark.planning.trial import Trial
from benchmark.running.run_settings import RunSettings
from benchmark.running.trial_log import trial_log
from benchmark.running.watchdog import Alarm, Sentry, Stalled
from benchmark.store.storable import storable
from benchmark.store.store import Record, Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.recipe import run_trial
from benchmark.trial.record import failure
from pcvq2.trainer.optimiser import NonFiniteLoss
from strategies.contract.answers import said


def work_on(
    trial: Trial,
    store: Store,
    settings: RunSettings,
    attempt: Attempt,
    on_stall: Callable[[], None] | None = None,
) -> Record | None:
    """Run a trial and return its record; None when another process is at it.

    `attempt` is what every attempt at it is given. A trial that hangs fails; in a worker, which calls
    `on_stall` then, it takes its process with it.
    """
    watch = _watch(trial, store, settings.stall_seconds, on_stall)

    def go_on(stage: str, step: int, steps: int) -> None:
        watch.beat(stage, step, steps)
        if attempt.stop is not None and stage not in trial.stages and attempt.stop():
            raise KeyboardInterrupt  # the last checkpoint of the last stage holds all of the training
        attempt.progress(stage, step, steps)

    try:
        with store.claim(trial.id) as ours:
            if not ours:
                return None
            known = store.load(trial.id)
            if known is not None and known["status"] == "done":  # by another run, since ours was planned
                return known
            with trial_log(store.log_path(trial.id), trial.title) as log, watch:
                watched = dataclasses.replace(attempt, progress=go_on)
                return _attempts(trial, store, watched, settings.retries, log)
    except OSError as error:  # no place for as much as a lock
        return failure(trial, said(error))


def _watch(
    trial: Trial, store: Store, stall_seconds: float, on_stall: Callable[[], None] | None
) -> Alarm | Sentry:
    if on_stall is None:
        return Alarm(stall_seconds)

    def give_up(error: Stalled, where: str) -> None:
        record = failure(trial, f"Stalled: {error}", where, "stalled")
        logging.getLogger("bench").error("%s\n%s", record["reason"], where)
        store.write(record, {})
        on_stall()

    return Sentry(stall_seconds, give_up)


def _attempts(trial: Trial, store: Store, attempt: Attempt, retries: int, log: logging.Logger) -> Record:
    """Try a trial until it is done, `retries` times more at the most; write into its log how it goes."""
    noted = ""

    def logged(stage: str, step: int, steps: int) -> None:
        nonlocal noted
        if stage != noted:
            log.info("stage %s, step %d of %d", stage, step, steps)
            noted = stage
        attempt.progress(stage, step, steps)

    told = dataclasses.replace(attempt, progress=logged)
    for count in range(1, retries + 2):
        record = attempt_trial(trial, store, told)
        if record["status"] == "done":
            log.info("done in %.1f s", record["wall_seconds"])
            break
        log.error("attempt %d failed: %s\n%s", count, record["reason"], record["traceback"])
        if record["cause"] == "out_of_memory":  # the run tries it again alone
            break
    return record


MEMORY_ADVICE = (
    "take a smaller batch, training.prior.micro_batch or a smaller model, or run fewer trials at once: "
    "a larger share under `resources`, --max-concurrent 1"
)


def attempt_trial(trial: Trial, store: Store, attempt: Attempt) -> Record:
    """Run a trial and store its record; an error becomes a failure record with reason and traceback.

    A trial that is done needs its checkpoints no more; one that failed goes on from them when it is tried
    again, unless they lead to a nan.
    """
    needed = attempt.keep == "all"
    try:
        record, artifacts = run_trial(trial, store, attempt)
        record = storable(record)
        store.write(record, artifacts)
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        record = _failure(trial, error)
        needed = not isinstance(error, NonFiniteLoss)
        with contextlib.suppress(OSError):  # a full disk: whoever called still learns of it
            store.write(record, {})
    if not needed:
        store.drop_checkpoint(trial.id)
    if attempt.keep == "records":
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
