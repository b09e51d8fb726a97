"""The command `bench`: run suites, report on them, list what is known."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from benchmark.commands.data import data_app
from benchmark.errors import UserError, of_the_disk
from benchmark.naming import suite_name
from benchmark.running.interrupts import SIGNALS
from benchmark.screen import console, never_fail_on_a_character
from benchmark.store.writable import refuse_unwritable_output

_GO_ON = {"run", "tune", "data prepare"}  # commands that keep what they have done


class Commands(TyperGroup):
    """All commands, which end on Ctrl-C, SIGTERM and SIGHUP with a line: Typer ends without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            kept = any(" ".join(sys.argv[1:3]).startswith(name) for name in _GO_ON)
            rest = "the same command goes on where it stopped" if kept else "give the same command again"
            with contextlib.suppress(OSError):  # after SIGHUP there may be nobody to tell
                print(f"interrupted; {rest}", file=sys.stderr, flush=True)
            raise typer.Exit(SIGNALS.exit_code) from interrupt


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which way of augmenting training images helps a likelihood model most when images are scarce?",
)
app.add_typer(data_app, name="data")
Runs = Annotated[Path, typer.Option(help="Folder of records, artifacts and shared models.")]


def main() -> None:
    """Run the command line; `bench run --help` has the exit codes."""
    never_fail_on_a_character()
    SIGNALS.listen()
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        said = of_the_disk(error)
        if said is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(2)


_EXIT_CODES = (
    "Exit codes: 0 all done; 1 some trial failed; 2 bad input; 75 Ray was ended from outside, give the same "
    "command again; 129, 130, 143 interrupted by SIGHUP, Ctrl-C, SIGTERM (running trials write a checkpoint "
    "first, a second one ends at once)."
)


@app.command(epilog=_EXIT_CODES)
def run(
    suite: Annotated[Path, typer.Argument(help="A suite file, e.g. suites/limited_data.yaml.")],
    local: Annotated[bool, typer.Option("--local", help="One trial after the other, without Ray.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is done, why the rest is not, and what it costs.")
    ] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Time a few steps of every stage here, then as --dry-run.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="A part of the suite: strategy=phased,budget=100. May stand several times; labels are "
            "written as in the suite, commas and all."
        ),
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
    from benchmark.cost.known_cost import probe_suite
    from benchmark.running.run import Options, run_suite
    from benchmark.running.terms import Terms, checked_keep
    from benchmark.store.store import Store

    terms = Terms(
        keep=checked_keep(keep),
        retries=retries,
        fail_fast=fail_fast,
        stall_seconds=stall_seconds,
        max_concurrent=max_concurrent,
        address=address,
    )
    options = Options(terms, local, tuple(only or ()), dry_run=dry_run or probe, tensorboard=tensorboard)
    screen = console()
    if probe:
        for line in probe_suite(suite, runs):
            print(line)
    failed = run_suite(suite, Store(runs), screen, options)
    if failed:
        raise typer.Exit(1)
    if options.dry_run:
        return
    screen.print(f"next: bench report {suite_name(suite)}", soft_wrap=True)


@app.command(epilog=_EXIT_CODES)
def tune(
    suite: Annotated[Path, typer.Argument(help="A suite file, e.g. suites/limited_data.yaml.")],
    strategy: Annotated[str, typer.Option(help="One of its strategies; by its label if it has one.")],
    trials: Annotated[int, typer.Option(help="Settings to try; the first is the defaults.")] = 10,
    seeds: Annotated[int, typer.Option(help="Tuning seeds that each setting is tried with.")] = 1,
    budget: Annotated[int | None, typer.Option(help="One of the suite's; the middle one if none.")] = None,
    dataset: Annotated[str | None, typer.Option(help="One of the suite's; the first if none.")] = None,
    local: Annotated[bool, typer.Option("--local", help="One trial after the other, without Ray.")] = False,
    max_concurrent: Annotated[int, typer.Option(help="Settings tried at once, blind to each other.")] = 1,
    address: Annotated[str | None, typer.Option(help="A Ray cluster, HOST:PORT or auto.")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Tune a strategy's parameters on validation images: never on held-out ones."""
    from benchmark.commands.tune import TuneOptions, tune_suite
    from benchmark.store.store import Store
    from benchmark.tuning.search_plan import Wish

    wish = Wish(strategy, trials, seeds, budget, dataset, max_concurrent)
    if not tune_suite(suite, Store(runs), console(wide=True), TuneOptions(wish, local, address)):
        raise typer.Exit(1)


@app.command()
def preview(
    suite: Annotated[Path, typer.Argument(help="A suite file, e.g. suites/strategies.yaml.")],
    output: Annotated[Path, typer.Option(help="Where preview/<suite>/ is written.")] = Path("preview"),
) -> None:
    """See, before any training, what each strategy will show the models of a suite."""
    from benchmark.commands.preview import write_preview

    refuse_unwritable_output(output)
    for path in write_preview(suite, output / suite_name(suite)):
        print(path)


@app.command()
def report(
    suite: Annotated[str, typer.Argument(help="The name of a suite that was run, e.g. limited_data.")],
    other: Annotated[
        str, typer.Argument(help="Compare two runs of a suite: both are runs folders or manifests.")
    ] = "",
    runs: Runs = Path("runs"),
    output: Annotated[Path, typer.Option(help="Where reports/<suite>/ is written.")] = Path("reports"),
) -> None:
    """Turn a suite's records into a page, tables and figures, or compare two runs of it."""
    refuse_unwritable_output(output)
    screen = console(wide=True)
    if other:
        from benchmark.naming import file_stems
        from benchmark.report.two_runs.compare import compare_runs
        from benchmark.report.two_runs.page import print_two_runs, write_two_runs

        compared = compare_runs(suite, other)
        print_two_runs(compared, screen)
        name = compared.first.name  # from a file that anybody may have written
        readme = write_two_runs(compared, output / f"{file_stems([name])[name]}-two-runs")
        screen.print(f"report: {readme.with_name('index.html')} and README.md beside it", soft_wrap=True)
        return
    from benchmark.report import print_table, write_report
    from benchmark.store.store import Store

    name = suite_name(suite)
    summary = write_report(Store(runs).find_manifest(name), runs, output / name)
    print_table(summary, screen)
    screen.print(f"report: {output / name / 'index.html'} and README.md beside it", soft_wrap=True)


@app.command()
def power(
    suite: Annotated[str, typer.Argument(help="The name of a suite that was run, e.g. limited_data.")],
    effect: Annotated[
        str, typer.Option(help="A share of the baseline's mean (10%) or a size (0.05).")
    ] = "10%",
    score: Annotated[str, typer.Option(help="A score of its records; the headline unless given.")] = "",
    power: Annotated[float, typer.Option(min=0.05, max=0.999, help="The chance to find it.")] = 0.8,
    runs: Runs = Path("runs"),
) -> None:
    """Say how many seeds it takes to find an effect of a size."""
    from benchmark.report.comparing.comparison import compare
    from benchmark.report.comparing.power import needs, print_needs
    from benchmark.report.reading.loading import load_records
    from benchmark.report.reading.protocol import refuse_mixed_protocols
    from benchmark.store.store import Store

    records = load_records(Store(runs).find_manifest(suite_name(suite)), runs)
    refuse_mixed_protocols(records)
    key = score or records.headline.key
    title = records.score(key).title
    print_needs(needs(compare(records), key, effect, power), title, power, console())


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
    from benchmark.commands.sample import find_model, write_samples
    from benchmark.store.store import Store

    refuse_unwritable_output(output)
    folder = find_model(model, Store(runs))
    print(write_samples(folder, output, count=n, temperature=temperature, seed=seed))


@app.command("eval")
def eval_(
    real: Annotated[Path, typer.Argument(help="Folder, zip or npz of real images no model was trained on.")],
    fake: Annotated[Path, typer.Argument(help="Folder, zip or npz of generated images.")],
    train: Annotated[Path | None, typer.Option(help="What the model was trained on: memorisation.")] = None,
    extractor: Annotated[str, typer.Option(help="See bench list extractors.")] = "random",
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="One of bench list metrics or ./mine.py:MyScore; all built in if none."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A JSON file for the scores.")] = None,
) -> None:
    """Score any folder, zip or npz of images against another."""
    from benchmark.commands.evaluate import Places, evaluate, score_table, write_json

    result = evaluate(Places(real, fake, train), extractor=extractor, metrics=metrics or ())
    console().print(score_table(result))
    if output is not None:
        write_json(result, output)
        print(f"scores: {output}")


@app.command()
def selftest(
    extractor: Annotated[list[str] | None, typer.Option(help="May stand several times.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="digits, or a folder or zip of images.")] = None,
    output: Annotated[Path | None, typer.Option(help="A folder for README.md and table.csv.")] = None,
) -> None:
    """Plant faults in real images and see whether every measure finds them; exit code 1 if not."""
    from benchmark.selftest import run_selftest

    if output is not None:
        refuse_unwritable_output(output)
    if not run_selftest(dataset or [], extractor or [], console(), output):
        raise typer.Exit(1)


@app.command()
def doctor(
    extractors: Annotated[
        list[str] | None, typer.Argument(help="Whose weights; all of them if none.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the weights that are missing.")] = False,
) -> None:
    """Say what is installed, what the hardware can do and which weights are there."""
    from benchmark.commands.doctor import download as fetch
    from benchmark.commands.doctor import examine

    for what, state in fetch(extractors or []) if download else examine():
        print(f"{what:<13} {state}")


@app.command()
def new(
    what: Annotated[str, typer.Argument(help="strategy, metric, extractor, source or family")],
    name: Annotated[str, typer.Argument(help="Its name, e.g. slow_start.")],
    into: Annotated[Path, typer.Option(help="Folder for the class and its test.")] = Path("."),
) -> None:
    """Write a plugin of your own that works, and its test."""
    from benchmark.commands.new import new_plugin

    written = new_plugin(what, name, into)
    print(f"wrote {written.source} and {written.test}")
    print(f"test it: pytest {written.test}")
    print(f"use it in a suite's {written.use}")


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="strategies, spaces, operations, metrics, extractors, sources, families, presets or runs"
        ),
    ],
    runs: Runs = Path("runs"),
) -> None:
    """List the names a suite may use, or the suites that were run."""
    from benchmark.commands.listing import list_runs, listing

    rows = list_runs(runs) if what == "runs" else listing(what)
    table = Table(box=None, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    console().print(table)


if __name__ == "__main__":
    main()
