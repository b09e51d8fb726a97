"""The commands `bench data ...`: thin, and free of numpy until one of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from benchmark.screen import console

if TYPE_CHECKING:
    from benchmark.data import Dataset

data_app = typer.Typer(no_args_is_help=True, help="Look at, check and prepare data sets.")
Typed = Annotated[str, typer.Argument(help="A folder, a zip, an npz, or a source as a suite names it.")]
Size = Annotated[int | None, typer.Option(min=8, help="Side in pixels to bring images to.")]
Heldout = Annotated[int | None, typer.Option(min=2, help="Images to hold out, as in a suite.")]
Resize = Annotated[str, typer.Option(help="lanczos, box, bilinear or bicubic.")]


@data_app.command("list")
def list_sources() -> None:
    """List the sources a suite may name, and which of them are here."""
    from benchmark.data.names import data_root
    from benchmark.data.preparing import source_rows

    header, *rows = source_rows()
    table = Table(box=None, pad_edge=False)
    for heading in header:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)
    print(f"\ndownloads and packed sets lie in {data_root()} (BENCH_DATA names another folder)")


@data_app.command()
def check(source: Typed, size: Size = None, heldout: Heldout = None) -> None:
    """Say what every file is and would become, and what stands in both splits; exit code 1 for bad files."""
    from benchmark.data.inspecting import inspect
    from benchmark.data.ticking import ticking

    with ticking("checking") as tick:
        lines, sound = inspect(source, size, heldout, tick)
    for line in lines:
        console().print(line, soft_wrap=True)
    if not sound:
        raise typer.Exit(1)


@data_app.command()
def show(
    source: Typed,
    size: Size = None,
    heldout: Heldout = None,
    output: Annotated[Path | None, typer.Option(help="The PNG to write; NAME.png.")] = None,
) -> None:
    """Draw a sheet of training and held-out images."""
    from benchmark.data.inspecting import load_named
    from benchmark.data.showing import dataset_sheet
    from benchmark.errors import UserError
    from benchmark.naming import file_stems
    from pcvq2.trainer.whole_file import write_whole

    dataset = load_named(source, size, heldout)
    path = output or Path(f"{file_stems([dataset.name])[dataset.name]}.png")
    try:
        write_whole(path, dataset_sheet(dataset))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error})", "name another --output"
        ) from error
    print(f"{len(dataset.train)} to train on, {len(dataset.heldout)} held out: {path}")
    print("\n".join(f"  {note}" for note in dataset.notes), end="\n" if dataset.notes else "")


@data_app.command()
def prepare(
    what: Annotated[str, typer.Argument(help="A named set (bench data list), a folder or a zip.")],
    source: Annotated[str | None, typer.Option(help="The folder or zip a recipe's images lie in.")] = None,
    size: Annotated[int, typer.Option(min=8, help="Side in pixels.")] = 256,
    resize: Resize = "lanczos",
    channels: Annotated[int | None, typer.Option(help="1 grey, 3 colour; as they are.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The pack's folder; $BENCH_DATA/NAME-SIZE, of a place NAME-HASH-SIZE.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes; one per core.")] = None,
    any_count: Annotated[bool, typer.Option("--any-count", help="Pack a part of a recipe's set.")] = False,
    skip_unusable: Annotated[
        bool, typer.Option("--skip-unusable", help="Pack the rest; what was skipped is kept in pack.json.")
    ] = False,
) -> None:
    """Download a named set, or pack images once so that trials read them fast. Run again, it goes on."""
    from benchmark.data.decoding import Shape
    from benchmark.data.inspecting import load_named
    from benchmark.data.names import SOURCES
    from benchmark.data.preparing import prepare_packed
    from benchmark.data.ticking import ticking

    if what in SOURCES and SOURCES[what].kind in ("embedded", "downloaded"):
        _print_with_notes(load_named(what, None, None), what)
        return
    shape = Shape(size, channels, resize)
    with ticking("packing") as tick:
        folder, _ = prepare_packed(
            what,
            source,
            shape,
            output,
            any_count=any_count,
            skip_unusable=skip_unusable,
            processes=processes,
            tick=tick,
        )
    _print_with_notes(load_named(f"packed:{folder}", None, None), f"packed:{folder}")


def _print_with_notes(dataset: Dataset, source: str) -> None:
    from benchmark.data.inspecting import prepared_line

    print("\n".join([prepared_line(dataset, source), *(f"  {note}" for note in dataset.notes)]))
