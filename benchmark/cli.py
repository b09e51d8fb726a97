"""The command `bench`: run suites, report on them, list what is known."""

from __future__ import annotations

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


def main() -> None:
    """Run the command line: 0 all done, 1 some trial failed, 2 bad input, 130 interrupted."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


@app.command()
def run(
    suite: Annotated[Path, typer.Argument(help="A suite file, e.g. suites/limited_data.yaml.")],
    local: Annotated[bool, typer.Option("--local", help="One trial after the other, without Ray.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is done, and why the rest is not.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="A part of the suite, e.g. strategy=phased,budget=100.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Try a failed trial again so often.")] = 0,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")] = False,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Most trials at once.")] = None,
    stall_seconds: Annotated[
        float, typer.Option(min=0, help="A trial without a step for so long fails; 0: never.")
    ] = 1800.0,
    keep: Annotated[str, typer.Option(help="What finished trials leave: records, models or all.")] = "models",
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write learning curves for TensorBoard at the end.")
    ] = False,
    address: Annotated[str | None, typer.Option(help="A Ray cluster, HOST:PORT or auto.")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Run every trial of a suite that is not done yet."""
    from benchmark.records import Store
    from benchmark.run import Options, run_suite
    from benchmark.terms import Terms, checked_keep

    terms = Terms(
        keep=checked_keep(keep),
        retries=retries,
        fail_fast=fail_fast,
        stall_seconds=stall_seconds,
        max_concurrent=max_concurrent,
        address=address,
    )
    options = Options(terms, local, tuple(only or ()), dry_run=dry_run, tensorboard=tensorboard)
    console = Console()
    try:
        failed = run_suite(suite, Store(runs), console, options)
    except KeyboardInterrupt as interrupt:  # here, because Typer ends without a word
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        raise typer.Exit(130) from interrupt
    if failed:
        raise typer.Exit(1)
    if dry_run:
        return
    console.print(f"next: bench report {suite.stem}")


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
    if not console.is_terminal:
        console.width = 100  # a file or a pipe has no width to respect
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


@app.command()
def new(
    what: Annotated[str, typer.Argument(help="strategy")],
    name: Annotated[str, typer.Argument(help="Its name in suites, e.g. slow_start.")],
    into: Annotated[Path, typer.Option(help="Folder for the class and its test.")] = Path("."),
) -> None:
    """Write a new strategy and its test."""
    from benchmark.errors import unknown_name
    from benchmark.new import new_strategy

    if what != "strategy":
        raise UserError(*unknown_name("kind of plugin", what, ["strategy"]))
    source, test = new_strategy(name, into)
    print(f"wrote {source} and {test}")
    print(f"test it: pytest {test}")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    print(f"use it in a suite's strategies, as a path relative to the suite: ./{source.name}:{class_name}")


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="strategies, spaces, operations, metrics, extractors, presets or runs")
    ],
    runs: Runs = Path("runs"),
) -> None:
    """List the names a suite may use, or the suites that were run."""
    from benchmark.listing import list_runs, listing

    rows = list_runs(runs) if what == "runs" else listing(what)
    table = Table(box=None, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
