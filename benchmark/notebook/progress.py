"""Progress in a notebook: one line that changes in place, above a plain line per trial that ended."""

from __future__ import annotations

import html
import sys
from types import TracebackType
from typing import Any

from rich.console import Console

from benchmark.running.display import Display
from benchmark.running.progress import Run

_SECONDS = 0.5  # between changes of the line: each is a message to the browser


def display_here() -> type[Display]:
    """Return the display of the place that this runs in: a notebook's, or a terminal's."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return NotebookDisplay if getattr(shell, "kernel", None) is not None else Display


class NotebookDisplay(Display):
    """Draw a Run where IPython's kernel shows output; what stays is plain text, as in a file."""

    def __init__(self, run: Run, console: Console) -> None:
        super().__init__(run, console)
        self._handle: Any = None
        self._changed = run.clock()

    def __enter__(self) -> NotebookDisplay:
        from IPython.display import display

        self._handle = display(self._bundle(self.run.line()), raw=True, display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away: the lines of the trials say what it said."""
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        """Pass progress on; change the line now and then."""
        self.run.step(trial_id, stage, step, steps)
        if self.run.clock() - self._changed >= _SECONDS:
            self._changed = self.run.clock()
            self._handle.update(self._bundle(f"{self.run.line()}; {self._where(trial_id)}"), raw=True)

    def _bundle(self, line: str) -> dict[str, str]:
        """Return the line as text, and as HTML with a bar."""
        share = min(1.0, self.run.share)
        bar = f'<progress max="1" value="{share:.3f}"></progress>'
        return {"text/plain": line, "text/html": f"<div>{bar} {html.escape(line)}</div>"}
