"""The command `bench`: run suites, report on them, list what is known."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from benchmark.commands.data import data_app
from benchmark.commands.options import EXIT_CODES, Address, Local, Runs
from benchmark.commands.report import power, report
from benchmark.commands.run import run
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


app.command(epilog=EXIT_CODES)(run)


@app.command(epilog=EXIT_CODES)
def tune(
    suite: Annotated[Path, typer.Argument(help="A suite file, e.g. suites/limited_data.yaml.")],
    strategy: Annotated[str, typer.Option(help="One of its strategies; by its label if it has one.")],
    trials: Annotated[int, typer.Option(help="Settings to try; the first is the defaults.")] = 10,
    seeds: Annotated[int, typer.Option(help="Tuning seeds that each setting is tried with.")] = 1,
    budget: Annotated[int | None, typer.Option(help="One of the suite's; the middle one if none.")] = None,
    dataset: Annotated[str | None, typer.Option(help="One of the suite's; the first if none.")] = None,
    local: Local = False,
    max_concurrent: Annotated[int, typer.Option(help="Settings tried at once, blind to each other.")] = 1,
    address: Address = None,
    runs: Runs = Path("runs"),
) -> None:
    """Tune a strategy's parameters on validation images: never on held-out ones."""
    from benchmark.commands.run import engine_of
    from benchmark.commands.tune import TuneOptions, tune_suite
    from benchmark.store.store import Store
    from benchmark.tuning.search_plan import Wish

    wish = Wish(strategy, trials, seeds, budget, dataset, max_concurrent)
    if not tune_suite(
        suite, Store(runs), console(wide=True), TuneOptions(wish, engine_of(local=local), address)
    ):
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


app.command()(report)
app.command()(power)


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
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            help="strategies, spaces, operations, metrics, extractors, sources, families, presets or runs"
        ),
    ],
    runs: Runs = Path("runs"),
) -> None:
    """List the names a suite may use, or the suites that were run."""
    from benchmark.commands.listing import print_listing

    print_listing(what, runs, console())


if __name__ == "__main__":
    main()
