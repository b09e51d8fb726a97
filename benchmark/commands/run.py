"""`bench run`, and which engine runs trials: free of all that trains until it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands.options import Address, Local, Runs
from benchmark.naming import suite_name
from benchmark.screen import console

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from benchmark.running.engine import Engine, EngineOf
    from benchmark.running.run import Options
    from benchmark.running.run_settings import RunSettings
    from benchmark.store.store import Store

_Suite = Annotated[Path, typer.Argument(help="A suite file, e.g. suites/limited_data.yaml.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what is done, why the rest is not, and what it costs.")
]
_Probe = Annotated[
    bool, typer.Option("--probe", help="Time a few steps of every stage here, then as --dry-run.")
]
_Only = Annotated[
    list[str] | None,
    typer.Option(
        help="A part of the suite: strategy=phased,budget=100. May stand several times; labels are "
        "written as in the suite, commas and all."
    ),
]
_Retries = Annotated[int, typer.Option(min=0, help="Try a failed trial again so often.")]
_FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")]
_AtOnce = Annotated[int | None, typer.Option(min=1, help="Most trials at once.")]
_Stall = Annotated[float, typer.Option(min=0, help="A trial without a step for so long fails; 0: never.")]
_Keep = Annotated[str, typer.Option(help="What finished trials leave: records, models or all.")]
_Curves = Annotated[
    bool, typer.Option("--tensorboard", help="Write learning curves for TensorBoard at the end.")
]


def run(
    suite: _Suite,
    local: Local = False,
    dry_run: _DryRun = False,
    probe: _Probe = False,
    only: _Only = None,
    retries: _Retries = 0,
    fail_fast: _FailFast = False,
    max_concurrent: _AtOnce = None,
    stall_seconds: _Stall = 1800.0,
    keep: _Keep = "models",
    tensorboard: _Curves = False,
    address: Address = None,
    runs: Runs = Path("runs"),
) -> None:
    """Run every trial of a suite that is not done yet."""
    from benchmark.running.run import Options
    from benchmark.running.run_settings import RunSettings, checked_keep

    settings = RunSettings(
        keep=checked_keep(keep),
        retries=retries,
        fail_fast=fail_fast,
        stall_seconds=stall_seconds,
        max_concurrent=max_concurrent,
        address=address,
    )
    options = Options(settings, engine_of(local=local), tuple(only or ()), dry_run or probe, tensorboard)
    _run(suite, runs, options, probe=probe)


def _run(suite: Path, runs: Path, options: Options, *, probe: bool) -> None:
    from benchmark.cost.probing import probe_suite
    from benchmark.running.run import run_suite
    from benchmark.store.store import Store

    screen = console()
    if probe:
        for line in probe_suite(suite, runs):
            print(line)
    if run_suite(suite, Store(runs), screen, options):
        raise typer.Exit(1)
    if not options.dry_run:
        screen.print(f"next: bench report {suite_name(suite)}", soft_wrap=True)


def engine_of(*, local: bool) -> EngineOf:
    """Return what builds the engine: one trial after the other in this process, or all of them by Ray.

    Both, and what they do with a trial, are imported when one is built: a suite with a mistake in it is
    refused in a blink.
    """

    def in_this_process(store: Store, settings: RunSettings) -> AbstractContextManager[Engine]:
        from benchmark.running.one_trial import work_on
        from benchmark.running.serial import Serial

        return Serial(store, settings, work_on)

    def by_ray(store: Store, settings: RunSettings) -> AbstractContextManager[Engine]:
        from benchmark.running.cluster.fanout import Fanout
        from benchmark.running.one_trial import work_on

        return Fanout(store, settings, work_on)

    return in_this_process if local else by_ray
