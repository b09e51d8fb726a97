"""Show a run as it goes: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from benchmark.running.progress import Run, Running, clock_time
from benchmark.store.store import Record
from benchmark.tasks.registry import task_of

_LINE_SECONDS = 30.0


class Display:
    """Draw a Run: live on a terminal, otherwise a line per ended trial and one every half minute."""

    def __init__(self, run: Run, console: Console) -> None:
        self.run, self.console = run, console
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)
        self._last_line = run.clock()

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        """Pass progress on; print a line now and then where there is no live view."""
        self.run.step(trial_id, stage, step, steps)
        if not self.console.is_terminal and self.run.clock() - self._last_line >= _LINE_SECONDS:
            self._print(f"{self.run.line()}; {self._where(trial_id)}")

    def end(self, record: Record) -> None:
        """Pass the end of a trial on and print its line."""
        self.run.end(record)
        title = self.run.titles[record["id"]]
        if record["status"] == "done":
            headline = task_of(self.run.trials[0].family).headline
            score = f"{record[headline.key]:.3f} {headline.unit} held-out"
            outcome = f"{score}, {record['wall_seconds']:.0f} s"
        else:
            outcome = f"FAILED: {record['reason'].partition(chr(10))[0]}"
        self._print(f"{title}: {outcome}  ({self.run.line()})")

    def note(self, text: str) -> None:
        """Print a line about the run."""
        self._print(text)

    def _print(self, line: str) -> None:
        self._last_line = self.run.clock()
        self.console.print(Text(line), soft_wrap=True)

    def _where(self, trial_id: str) -> str:
        """Say where a trial stands, and how many run beside it."""
        running = self.run.running[trial_id]
        others = len(self.run.running) - 1
        beside = f" and {others} more" if others else ""
        return f"{self.run.titles[trial_id]}: {running.stage} {running.step}/{running.steps}{beside}"

    def _render(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for trial_id, running in sorted(self.run.running.items()):
            table.add_row(Text(self.run.titles[trial_id]), running.stage, *_speed(running, self.run.clock()))
        bar = Table.grid(padding=(0, 2))
        share = min(1.0, self.run.share)
        bar.add_row(ProgressBar(total=1.0, completed=share, width=30), Text(self.run.line()))
        return Group(table, bar)


def _speed(running: Running, now: float) -> tuple[str, str, str]:
    """Write steps, steps per second and what is left of a stage."""
    steps = f"{running.step}/{running.steps}" if running.steps > 1 else ""
    pace = running.pace(now)
    if pace is None or running.steps < 2:
        return steps, "", ""
    return steps, f"{pace:.3g} steps/s", f"{clock_time((running.steps - running.step) / pace)} left in stage"
