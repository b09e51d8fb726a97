"""What can be known to go wrong is said before the first step of training, all of it at once."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.cores import usable_cores
from benchmark.errors import Problems, UserError
from benchmark.planning.trial import Trial
from benchmark.running.run_settings import RunSettings
from benchmark.store.writable import refuse_unwritable

if TYPE_CHECKING:
    from benchmark.planning.suite import Suite

_LEAST_FREE_BYTES, _BYTES_PER_TRIAL = (
    100 * 2**20,
    8 * 2**20,
)  # images, record and log of a trial: 8 MiB at most
_CHECKPOINT_WEIGHTS = (
    8  # weights, their mean and Adam's two moments, in the last checkpoint and the one before
)


def preflight(suite: Suite, trials: Sequence[Trial], runs: Path, settings: RunSettings) -> None:
    """Check extractors, folders, disk, shares of the machine, views and models. Raises UserError."""
    problems = Problems()
    for trial in {(t.dataset, t.model.channels): t for t in trials}.values():
        with problems.noting():
            _check_extractor(suite, trial)
        with problems.noting():
            _check_metrics(suite, trial)
    with problems.noting():
        _check_shares(suite, settings)
    for trial in {(t.strategy.label, t.model.channels): t for t in trials}.values():
        with problems.noting():
            _check_views(suite, trial)
    weights: dict[object, int] = {}
    for trial in {trial.model: trial for trial in trials}.values():
        with problems.noting():
            weights[trial.model] = _weight_bytes(suite, trial)
    with problems.noting():
        refuse_unwritable(runs)
    with problems.noting():
        _check_disk(runs, [weights.get(trial.model, 0) for trial in trials], settings)
    problems.stop_if_any()


def _check_views(suite: Suite, trial: Trial) -> None:
    """Refuse a strategy whose views break a rule: the cheap part of the battery."""
    from strategies.checks import check_view
    from strategies.contract.answers import said

    choice = trial.strategy
    try:
        for stage in choice.stages:
            check_view(choice.make, trial.model.channels, stage, trial.space)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        why = said(error).removeprefix("StrategyError: ")
        message = f"strategy '{choice.label}' cannot augment a batch"
        raise suite.error(_place(suite, trial), message, why) from error


def _weight_bytes(suite: Suite, trial: Trial) -> int:
    """Return what a model's weights take; refuse one that cannot be built."""
    from benchmark.families.checks import check_quickly
    from strategies.contract.answers import said

    code, family = trial.family_code, trial.family
    try:
        count = family.build(trial.model, seed=0, device="cpu").parameters_count
        if code.source_hash is not None:  # not a built-in one
            check_quickly(family, trial.model)
        return 4 * count
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        if code.source_hash is None and not isinstance(error, ValueError | RuntimeError | TypeError):
            raise
        message = f"the model of strategy '{trial.strategy.label}' cannot be built"
        if code.source_hash is not None:
            message = f"family '{code.name}' fails on the model of strategy '{trial.strategy.label}'"
        why = said(error).partition(": ")[2] if code.source_hash is None else said(error)
        raise suite.error(_place(suite, trial), message, why.removeprefix("FamilyError: ")) from error


def _check_extractor(suite: Suite, trial: Trial) -> None:
    """Refuse an extractor whose weights, package or labels are missing."""
    from benchmark.trial.extractor_of import refuse_unusable_extractor

    try:
        refuse_unusable_extractor(trial)
    except UserError as error:
        raise suite.error(("evaluation", "extractor"), error.message, error.hint) from error


def _check_metrics(suite: Suite, trial: Trial) -> None:
    """Refuse a metric of the user's own that fails on images like the trial's."""
    from benchmark.trial.own_metrics_of import refuse_failing_metrics

    try:
        refuse_failing_metrics(trial)
    except UserError as error:
        raise suite.error(("evaluation", "metrics"), error.message, error.hint) from error


def _check_disk(runs: Path, weights: Sequence[int], settings: RunSettings) -> None:
    """Refuse a disk too full for what the trials leave behind, and for checkpoints while they run."""
    folder = runs
    while not folder.exists():
        folder = folder.parent
    kept = {"records": 0, "models": 1, "all": 1 + _CHECKPOINT_WEIGHTS}[settings.keep]
    at_once = settings.max_concurrent or max(1, usable_cores() // settings.cpus)
    running = _CHECKPOINT_WEIGHTS * sum(sorted(weights)[-at_once:])
    need = _LEAST_FREE_BYTES + len(weights) * _BYTES_PER_TRIAL + kept * sum(weights) + running
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"{runs}: {free / 2**20:,.0f} MiB are free, "
            f"{len(weights)} trials need about {need / 2**20:,.0f} MiB",
            "free some space, name another place with --runs, or keep less of each trial: --keep records",
        )


def _check_shares(suite: Suite, settings: RunSettings) -> None:
    """Refuse shares this machine does not have, and an address where no cluster can be."""
    if settings.address:
        _check_address(settings.address)
        return
    cores = usable_cores()
    if settings.cpus > cores:
        raise suite.error(
            ("resources", "cpus"),
            f"a trial takes {settings.cpus} CPUs",
            f"this process may use {cores} (the machine's cores, its affinity and its group's quota)",
        )
    if not settings.gpus:
        return
    import torch

    found = torch.cuda.device_count()
    if settings.gpus > found:
        raise suite.error(
            ("resources", "gpus"), f"a trial takes {settings.gpus:g} GPUs", f"PyTorch finds {found} here"
        )
    if settings.gpus > 1 and settings.gpus != int(settings.gpus):
        raise suite.error(
            ("resources", "gpus"), f"a trial takes {settings.gpus:g} GPUs", "a share of one, or whole ones"
        )


def _check_address(address: str) -> None:
    """Refuse an address where nobody listens: Ray would try for minutes."""
    if address == "auto":
        return
    hint = "run bench on a node of the cluster and name the head as HOST:PORT, or 'auto'"
    if "://" in address:
        raise UserError(f"--address {address}: Ray Client addresses are not supported", hint)
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise UserError(f"--address {address}: not of the form HOST:PORT", hint)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise UserError(f"--address {address}: no Ray cluster answers there ({error})", hint) from error


def _place(suite: Suite, trial: Trial) -> tuple[str, int]:
    labels = [entry.shown for entry in suite.settings.strategies]
    return ("strategies", labels.index(trial.strategy.label))
