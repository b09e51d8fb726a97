"""The commands `bench data ...`: thin, and free of numpy until one of them runs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

data_app = typer.Typer(no_args_is_help=True, help="Look at, check and prepare data sets.")
Source = Annotated[str, typer.Argument(help="A folder, a zip, or a source as a suite names it.")]


@data_app.command()
def check(place: Annotated[str, typer.Argument(help="A folder or a zip archive of images.")]) -> None:
    """Say what every file is and would become; exit code 1 when some cannot be used."""
    from benchmark.data.checking import check_place, open_place
    from benchmark.data.ticking import ticking

    with ticking("checking") as tick:
        findings = check_place(open_place(place), tick)
    console = Console()
    for line in findings.lines():
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if findings.bad or not findings.usable:
        raise typer.Exit(1)
