"""What several commands have in common: an option, and what their exit codes mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Runs = Annotated[Path, typer.Option(help="Folder of records, artifacts and shared models.")]
Address = Annotated[str | None, typer.Option(help="A Ray cluster, HOST:PORT or auto.")]
Local = Annotated[bool, typer.Option("--local", help="One trial after the other, without Ray.")]
EXIT_CODES = (
    "Exit codes: 0 all done; 1 some trial failed; 2 bad input; 75 Ray was ended from outside, give the same "
    "command again; 129, 130, 143 interrupted by SIGHUP, Ctrl-C, SIGTERM (running trials write a checkpoint "
    "first, a second one ends at once)."
)
