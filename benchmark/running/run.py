"""Run a suite: plan, preflight, manifest, what is missing, summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.running.display import Display
from benchmark.running.dry_run import chosen_trials, print_notes, print_plan
from benchmark.running.engine import Engine, EngineOf
from benchmark.running.manifest import manifest_of
from benchmark.running.preflight import preflight
from benchmark.running.progress import Run
from benchmark.running.run_settings import RunSettings, with_the_suites_shares
from benchmark.running.tensorboard import write_curves
from benchmark.store.store import Record, Store

_WAIT_SECONDS = 1.0  # between looks at trials that another run is at


@dataclass(frozen=True)
class Options:
    """What `bench run` was asked for: which trials, on which engine, run how."""

    settings: RunSettings  # its shares are the suite's
    engine: EngineOf
    only: tuple[str, ...] = ()
    dry_run: bool = False
    tensorboard: bool = False
    display: Callable[[Run, Console], Display] = Display  # a notebook has one of its own


def run_suite(path: Path, store: Store, console: Console, options: Options) -> list[Record]:
    """Run every trial of a suite that is not done. Returns the records of those that failed.

    Raises UserError, before anything is written or trained, for whatever the user can mend.
    """
    suite = load_suite(path)
    if options.dry_run:
        print_plan(suite, store, console, options.only)
        return []
    planned = plan_trials(suite)
    trials = chosen_trials(planned, options.only)
    manifest = manifest_of(suite, path, planned)
    options = replace(options, settings=with_the_suites_shares(options.settings, suite))
    store.refuse_namesake(manifest)
    done = {trial.id for trial in trials if store.is_done(trial.id)}
    todo = [trial for trial in trials if trial.id not in done]
    if todo:
        preflight(suite, todo, store.root, options.settings)
        engine = options.engine(store, options.settings)
        print_notes(planned, console)
        store.sweep()
    if options.settings.keep != "all":
        for trial_id in done & store.with_checkpoints():
            store.drop_checkpoint(trial_id)  # left by a kill between its record and its end
    store.write_manifest(manifest)
    console.print(f"{suite.name}: {len(trials)} trials, {len(done)} done before, {len(todo)} to run")
    failed = _run(todo, options, engine, store, console) if todo else []
    if options.settings.keep == "records" and not failed:
        store.drop_shared_codes()
    if options.tensorboard:
        _write_curves(suite.name, trials, store, console)
    return failed


def _write_curves(suite: str, trials: Sequence[Trial], store: Store, console: Console) -> None:
    """Write the learning curves of trials that have a record, under the names this suite gives them."""
    found = ((trial, store.load(trial.id)) for trial in trials)
    named = (
        record | {"dataset": trial.dataset.name, "strategy": trial.strategy.label}
        for trial, record in found
        if record
    )
    folder = write_curves(suite, named, store)
    console.print(f"curves: tensorboard --logdir {folder}", soft_wrap=True)


def _run(
    todo: Sequence[Trial],
    options: Options,
    starting: AbstractContextManager[Engine],
    store: Store,
    console: Console,
) -> list[Record]:
    state = Run(todo)
    with starting as engine, options.display(state, console) as display:
        taken = engine.run(todo, display)
        if not (options.settings.fail_fast and state.failed):
            _run_alone(engine, todo, state, display)
            _take_over(engine, taken, store, display)
    console.print(state.line(), soft_wrap=True)
    for record in state.failed:
        console.print(
            f"FAILED {state.titles[record['id']]}: {record['reason']}\n"
            f"  log and traceback: {store.log_path(record['id'])}",
            soft_wrap=True,
        )
    return state.failed


def _run_alone(engine: Engine, todo: Sequence[Trial], state: Run, display: Display) -> None:
    """Try what failed for want of memory once more, one trial at a time."""
    short = {r["id"] for r in state.failed if r.get("cause") in ("out_of_memory", "worker_died")}
    if not short or state.at_once < 2:
        return
    display.note(f"{len(short)} trials ran out of memory or lost their worker: once more, one at a time")
    for trial_id in short:
        state.again(trial_id)
    engine.run([trial for trial in todo if trial.id in short], display, at_once=1)


def _take_over(engine: Engine, taken: Sequence[Trial], store: Store, display: Display) -> None:
    """Wait for trials that another run is at; do those that it leaves undone."""
    left = list(taken)
    if left:
        display.note(f"another `bench run` is at {len(left)} of these trials: waiting for it")
    while left:
        claimed = {trial.id for trial in left if store.is_claimed(trial.id)}
        free = [trial for trial in left if trial.id not in claimed]
        left = [trial for trial in left if trial.id in claimed]
        if free:  # those that were done meanwhile are found done, the others are run here
            left += engine.run(free, display)
        else:
            time.sleep(_WAIT_SECONDS)
