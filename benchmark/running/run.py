"""Run a suite: plan, preflight, manifest, what is missing, summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from benchmark.cost.estimate import plan_for_cost
from benchmark.cost.known_cost import known_cost
from benchmark.data import load_dataset
from benchmark.planning.only import only
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import StrategyEntry, Suite, load_suite
from benchmark.planning.trial import Trial
from benchmark.running.cluster.ray_folder import place_for_ray
from benchmark.running.display import Display
from benchmark.running.preflight import preflight
from benchmark.running.progress import Run, Watcher
from benchmark.running.tensorboard import write_curves
from benchmark.running.terms import Terms, on_the_suites_shares
from benchmark.running.trial_states import counts, standings
from benchmark.store.store import Record, Store

_WAIT_SECONDS = 1.0  # between looks at trials that another run is at


@dataclass(frozen=True)
class Options:
    """What `bench run` was asked for: which trials, on which engine, on what terms."""

    terms: Terms  # its shares are the suite's
    local: bool = False
    only: tuple[str, ...] = ()
    dry_run: bool = False
    tensorboard: bool = False
    display: Callable[[Run, Console], Display] = Display  # a notebook has one of its own


class Engine(Protocol):
    """Run trials, and return those that another run is at (Serial, Fanout)."""

    def run(self, trials: Sequence[Trial], watcher: Watcher, at_once: int | None = None) -> list[Trial]: ...


def run_suite(path: Path, store: Store, console: Console, options: Options) -> list[Record]:
    """Run every trial of a suite that is not done. Returns the records of those that failed.

    Raises UserError, before anything is written or trained, for whatever the user can mend.
    """
    suite = load_suite(path)
    if options.dry_run:
        _print_plan(suite, store, console, options)
        return []
    planned = plan_trials(suite)
    trials = _chosen(planned, options)
    terms = on_the_suites_shares(options.terms, suite)
    store.refuse_namesake(_manifest(suite, path, planned))
    done = {trial.id for trial in trials if store.is_done(trial.id)}
    todo = [trial for trial in trials if trial.id not in done]
    if todo:
        preflight(suite, todo, store.root, terms)
        if not options.local:
            place_for_ray()
        _print_notes(planned, console)
        store.sweep()
    if terms.keep != "all":
        for trial_id in done & store.with_checkpoints():
            store.drop_checkpoint(trial_id)  # left by a kill between its record and its end
    store.write_manifest(_manifest(suite, path, planned))
    console.print(f"{suite.name}: {len(trials)} trials, {len(done)} done before, {len(todo)} to run")
    failed = _run(todo, store, console, terms, options) if todo else []
    if terms.keep == "records" and not failed:
        store.drop_shared_codes()
    if options.tensorboard:
        found = ((trial, store.load(trial.id)) for trial in trials)
        named = (
            record | {"dataset": trial.dataset.name, "strategy": trial.strategy.label}
            for trial, record in found
            if record
        )
        folder = write_curves(suite.name, named, store)
        console.print(f"curves: tensorboard --logdir {folder}", soft_wrap=True)
    return failed


def _run(
    todo: Sequence[Trial], store: Store, console: Console, terms: Terms, options: Options
) -> list[Record]:
    state = Run(todo)
    with _engine(store, terms, local=options.local) as engine, options.display(state, console) as display:
        taken = engine.run(todo, display)
        if not (terms.fail_fast and state.failed):
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


def _engine(store: Store, terms: Terms, *, local: bool) -> AbstractContextManager[Engine]:
    if local:
        from benchmark.running.serial import Serial

        return Serial(store, terms)
    from benchmark.running.cluster.fanout import Fanout

    return Fanout(store, terms)


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


def _chosen(planned: Sequence[Trial], options: Options) -> list[Trial]:
    """Return the trials of --only, each once."""
    chosen = {trial.id for trial in only(planned, options.only)}
    return [t for t in {trial.id: trial for trial in planned}.values() if t.id in chosen]


def _print_plan(suite: Suite, store: Store, console: Console, options: Options) -> None:
    """Print what is done, why the rest is not, and what the rest costs; images that are not here may lack."""
    planned, absent = plan_for_cost(suite)
    store.refuse_namesake(_manifest(suite, suite.file.path, planned))
    trials = _chosen(planned, options)
    found = standings(trials, store)
    console.print(f"{suite.name}: {len(trials)} trials: {counts(found)}")
    _print_notes(planned, console, absent)
    width = max((len(s.trial.title) for s in found), default=0)
    for standing in found:
        if standing.state != "done":
            line = f"{standing.state:<12}{standing.trial.title:<{width}}  {standing.why}".rstrip()
            console.print(line, soft_wrap=True)
    left = [standing.trial for standing in found if standing.state != "done"]
    for line in known_cost(suite, store.root, left, absent):
        console.print(line, soft_wrap=True)


def _manifest(suite: Suite, path: Path, planned: Sequence[Trial]) -> dict[str, object]:
    """Return what a report starts from: the suite's trials under the names this suite gives them."""
    settings = suite.settings
    return {
        "suite": suite.name,
        "source": str(path),
        "file": str(path.resolve()),
        "title": settings.title,
        "baseline": settings.baseline,
        "command": f"bench run {path}",
        "augmentation_space": _space(planned),
        "strategies": {entry.shown: _how_chosen(entry) for entry in settings.strategies},
        "trials": [
            {
                "id": trial.id,
                "dataset": trial.dataset.name,
                "budget": trial.budget,
                "strategy": trial.strategy.label,
                "seed": trial.seed,
                **({"initialisation": trial.initialisation} if trial.initialisation else {}),
            }
            for trial in planned
        ],
    }


def _space(planned: Sequence[Trial]) -> dict[str, object]:
    """Return the suite's space as it is written: ranges and settings in one mapping."""
    about = planned[0].space.resolved()
    return {**about.pop("ranges"), **about}


def _how_chosen(entry: StrategyEntry) -> dict[str, object]:
    """Return how a strategy's parameters came about: which ones the suite sets, and how they were tuned."""
    note = entry.tuning
    return {"set": sorted(entry.parameters), "tuning": note and note.model_dump(mode="json")}


def _skipped(planned: Sequence[Trial]) -> list[str]:
    """Say which operations the images of a dataset cannot have."""
    skipped = {t.dataset.name: t.space.skipped(t.model.channels) for t in planned}
    return [f"{name}: grey images, so {', '.join(s)} skipped" for name, s in skipped.items() if s]


def _print_notes(planned: Sequence[Trial], console: Console, absent: Sequence[str] | None = None) -> None:
    """Say what was changed or passed over in reading the images; `absent` for a plan that downloads none."""
    for note in _skipped(planned):
        console.print(note, soft_wrap=True)
    for spec in dict.fromkeys(trial.dataset for trial in planned):
        if absent is None or spec.name not in absent:
            dataset = load_dataset(spec) if absent is None else load_dataset(spec, download=False)
            for note in dataset.notes:
                console.print(f"{spec.name}: {note}", soft_wrap=True)
