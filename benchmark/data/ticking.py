"""A progress bar for work on many files; silent where nobody watches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Tick = Callable[[int, int], None]  # files done, files in all


@contextlib.contextmanager
def ticking(what: str) -> Iterator[Tick]:
    """Show a bar on standard error, so that what a command prints can be piped."""
    # here, because processes that pack import this file and draw nothing
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from benchmark.screen import console

    screen = console(stderr=True)
    columns = (TextColumn(what, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def tick(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield tick
