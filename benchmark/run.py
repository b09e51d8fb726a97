"""Run a suite: preflight, manifest, what is missing, summary."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmark.errors import UserError
from benchmark.plan import Trial, plan_trials
from benchmark.records import Record, Store
from benchmark.suite import Suite, load_suite

_LEAST_FREE_BYTES, _BYTES_PER_TRIAL = 100 * 2**20, 8 * 2**20


def run_suite(path: Path, store: Store, console: Console, *, local: bool) -> list[Record]:
    """Run every trial of a suite that is not done. Returns the records of those that failed.

    Raises UserError, before anything is written or trained, for whatever the user can mend.
    """
    suite = load_suite(path)
    planned = plan_trials(suite)
    trials = list({trial.id: trial for trial in planned}.values())
    _check_extractors(suite, trials)
    _check_disk(store.root, len(trials))
    _check_views(suite, planned)
    for note in _skipped(planned):
        console.print(note, soft_wrap=True)
    done = {trial.id for trial in trials if store.is_done(trial.id)}
    for trial_id in done:
        store.drop_checkpoint(trial_id)  # left by a kill between its record and its end
    store.write_manifest(_manifest(suite, path, planned))
    todo = [trial for trial in trials if trial.id not in done]
    console.print(f"{suite.name}: {len(trials)} trials, {len(done)} done before, {len(todo)} to run")
    return _run(suite, todo, store, console, local=local) if todo else []


def _run(suite: Suite, todo: Sequence[Trial], store: Store, console: Console, *, local: bool) -> list[Record]:
    from benchmark.fanout import Share, run_ray, run_serial
    from benchmark.progress import Display, Run

    resources = suite.settings.resources
    share = Share(resources.cpus, resources.gpus, resources.checkpoint_seconds)
    state = Run(todo)
    with Display(state, console) as display:
        (run_serial if local else run_ray)(todo, store, share, display)
    console.print(state.line(), soft_wrap=True)
    for record in state.failed:
        console.print(
            f"FAILED {state.titles[record['id']]}: {record['reason']}\n"
            f"  traceback: {store.record_path(record['id'])}",
            soft_wrap=True,
            markup=False,
        )
    return state.failed


def _manifest(suite: Suite, path: Path, planned: Sequence[Trial]) -> dict[str, object]:
    """Return what a report starts from: the suite's trials under the names this suite gives them."""
    settings = suite.settings
    return {
        "suite": suite.name,
        "source": str(path),
        "title": settings.title,
        "baseline": settings.baseline,
        "command": f"bench run {path}",
        "augmentation_space": {**planned[0].space.ranges, "padding": planned[0].space.padding},
        "trials": [
            {
                "id": trial.id,
                "dataset": trial.dataset.name,
                "budget": trial.budget,
                "strategy": trial.strategy.label,
                "seed": trial.seed,
            }
            for trial in planned
        ],
    }


def _check_views(suite: Suite, planned: Sequence[Trial]) -> None:
    """Stop before any training when a strategy's views break a rule: the cheap part of the battery."""
    from strategies.checks import StrategyError, check_view

    entries = [entry.shown for entry in suite.settings.strategies]
    for trial in {(t.strategy.label, t.model.channels): t for t in planned}.values():
        choice = trial.strategy
        try:
            for stage in choice.stages:
                check_view(choice.make, trial.model.channels, stage, trial.space)
        except Exception as error:  # a plugin may raise anything
            kind = "" if isinstance(error, StrategyError) else f"{type(error).__name__}: "
            location = ("strategies", entries.index(choice.label))
            message = f"strategy '{choice.label}' cannot augment a batch"
            raise suite.error(location, message, f"{kind}{error}".replace("\n", " ")) from error


def _skipped(planned: Sequence[Trial]) -> list[str]:
    """Say which operations the images of a dataset cannot have."""
    skipped = {t.dataset.name: t.space.skipped(t.model.channels) for t in planned}
    return [f"{name}: grey images, so {', '.join(s)} skipped" for name, s in skipped.items() if s]


def _check_extractors(suite: Suite, trials: Sequence[Trial]) -> None:
    """Stop before any training when an extractor's weights, package or labels are missing."""
    from benchmark.extraction import check_extractor

    for trial in {(trial.dataset, trial.model.channels): trial for trial in trials}.values():
        try:
            check_extractor(trial)
        except UserError as error:
            raise suite.error(("evaluation", "extractor"), error.message, error.hint) from error


def _check_disk(runs: Path, trials: int) -> None:
    """Stop before any training when the disk is too full for what the trials leave behind."""
    folder = runs
    while not folder.exists():
        folder = folder.parent
    need = _LEAST_FREE_BYTES + trials * _BYTES_PER_TRIAL
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"{runs}: {free / 2**20:.0f} MiB are free, {trials} trials need about {need / 2**20:.0f} MiB",
            "free some space, or name another place with --runs",
        )
