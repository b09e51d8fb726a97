"""The command `bench`: run suites, report on them, list what is known."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmark.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which way of augmenting training images helps a likelihood model most when images are scarce?",
)
Runs = Annotated[Path, typer.Option(help="Folder of records, artifacts and shared models.")]

_LEAST_FREE_BYTES, _BYTES_PER_TRIAL = 100 * 2**20, 8 * 2**20


def main() -> None:
    """Run the command line: 0 all done, 1 some trial failed, 2 bad input, 130 interrupted."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)


@app.command()
def run(
    suite: Annotated[Path, typer.Argument(help="A suite file, e.g. suites/limited_data.yaml.")],
    local: Annotated[bool, typer.Option("--local", help="One trial after the other, without Ray.")] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Run every trial of a suite that is not done yet."""
    from benchmark.plan import plan_trials
    from benchmark.records import Store
    from benchmark.suite import load_suite

    console = Console()
    loaded = load_suite(suite)
    trials = plan_trials(loaded)
    _check_weights(loaded.settings.evaluation.extractor, {t.model.channels for t in trials})
    _check_disk(runs, len(trials))
    store = Store(runs)
    unique = list({trial.id: trial for trial in trials}.values())
    todo = [trial for trial in unique if not store.is_done(trial.id)]
    for trial in unique:
        if trial not in todo:
            store.drop_checkpoint(trial.id)  # killed between its record and the end
    store.write_manifest(
        {
            "suite": loaded.name,
            "source": str(suite),
            "title": loaded.settings.title,
            "baseline": loaded.settings.baseline,
            "command": f"bench run {suite}",
            "augmentation_space": loaded.settings.augmentation_space,
            "trials": [
                {
                    "id": trial.id,
                    "dataset": trial.dataset.name,
                    "budget": trial.budget,
                    "strategy": trial.strategy.label,
                    "seed": trial.seed,
                }
                for trial in trials
            ],
        }
    )
    console.print(
        f"{loaded.name}: {len(unique)} trials, {len(unique) - len(todo)} done before, {len(todo)} to run"
    )
    failed = []
    if todo:
        from benchmark.fanout import Share, run_ray, run_serial
        from benchmark.progress import Display, Run

        resources = loaded.settings.resources
        state = Run(todo)
        with Display(state, console) as display:
            runner = run_serial if local else run_ray
            share = Share(resources.cpus, resources.gpus, resources.checkpoint_seconds)
            runner(todo, store, share, display)
        failed = state.failed
        console.print(state.line(), soft_wrap=True)
    for record in failed:
        console.print(
            f"FAILED {record['dataset']}/{record['budget']}/{record['strategy']}/seed{record['seed']}: "
            f"{record['reason']}\n  traceback: {store.record_path(record['id'])}",
            soft_wrap=True,
            markup=False,
        )
    if failed:
        raise typer.Exit(1)
    console.print(f"next: bench report {loaded.name}")


def _check_weights(extractor: str, channels: set[int]) -> None:
    """Stop before any training when the extractor's weights are missing."""
    if extractor in ("random", "pixels"):
        return
    from benchmark.metrics.extractors import load_extractor

    for count in channels:
        load_extractor(extractor, channels=count)


def _check_disk(runs: Path, trials: int) -> None:
    """Stop before any training when the disk is too full for what the trials leave behind."""
    folder = runs.resolve()
    while not folder.exists():
        folder = folder.parent
    need = _LEAST_FREE_BYTES + trials * _BYTES_PER_TRIAL
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"{runs}: {free / 2**20:.0f} MiB are free, {trials} trials need about {need / 2**20:.0f} MiB",
            "free some space, or name another place with --runs",
        )


@app.command()
def report(
    suite: Annotated[str, typer.Argument(help="The name of a suite that was run, e.g. limited_data.")],
    runs: Runs = Path("runs"),
    output: Annotated[Path, typer.Option(help="Where reports/<suite>/ is written.")] = Path("reports"),
) -> None:
    """Turn a suite's records into tables and figures."""
    from benchmark.records import Store
    from benchmark.report import print_table, write_report

    name = Path(suite).stem
    console = Console()
    summary = write_report(Store(runs).find_manifest(name), runs, output / name)
    print_table(summary, console)
    console.print(f"report: {output / name / 'README.md'}", soft_wrap=True)


@app.command()
def sample(
    model: Annotated[str, typer.Argument(help="A record's id, its file, or a model folder.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many images.")] = 64,
    temperature: Annotated[float, typer.Option(min=0.05, help="Below 1: safer samples, less diverse.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    runs: Runs = Path("runs"),
    output: Annotated[Path, typer.Option(help="Where the PNGs and the grid are written.")] = Path("samples"),
) -> None:
    """Draw images from a trained model: PNGs and one grid."""
    from benchmark.records import Store
    from benchmark.sample import find_model, write_samples

    folder = find_model(model, Store(runs))
    print(write_samples(folder, output, count=n, temperature=temperature, seed=seed))


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="strategies, operations, metrics, extractors or presets")],
) -> None:
    """List the names a suite may use."""
    from benchmark.listing import listing

    rows = listing(what)
    table = Table(box=None, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
