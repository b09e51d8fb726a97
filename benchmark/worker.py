"""What is done with one trial, wherever it runs: claim it, run it with its own log, try it again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from benchmark.data import Dataset
from benchmark.planning.trial import Trial
from benchmark.store.store import Record, Store
from benchmark.terms import Terms
from benchmark.trial.record import failure
from benchmark.trial_log import trial_log
from benchmark.watchdog import Alarm, Sentry, Stalled
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
        if stop is not None and stage not in ("codes", "prior") and stop():
            raise KeyboardInterrupt  # the last checkpoint of stage `prior` holds all of the training
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
    from benchmark.attempt import attempt_trial

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
