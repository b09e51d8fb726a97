"""Run a suite from a notebook: the command's work, its lines and its Ctrl-C, without its process."""

from __future__ import annotations

import contextlib
import html
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark.errors import UserError, of_the_disk_told, shown, unknown_name
from benchmark.naming import suite_name
from benchmark.notebook.progress import display_here
from benchmark.report.reading.frame import records
from benchmark.screen import console
from benchmark.store.store import Store

if TYPE_CHECKING:
    from benchmark.running.run_settings import RunSettings

_GOES_ON = "interrupted; the same call goes on where it stopped"
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Interrupted(KeyboardInterrupt):
    """The kernel was interrupted: cells that wait are not run, and the same call goes on."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows in place of a traceback (IPython asks for this name)."""
        return [_GOES_ON]


@dataclass(frozen=True, repr=False)
class SuiteRun:
    """Say what became of a suite: how many of all its trials are done, and which failed."""

    suite: str
    runs: Path
    table: pd.DataFrame  # benchmark.records of the suite

    @property
    def done(self) -> int:
        """Count the trials that are done, in this run or before."""
        return int((self.table["status"] == "done").sum())

    @property
    def missing(self) -> int:
        """Count the trials that were not run: `only` left them out, or `fail_fast` stopped before them."""
        return int((self.table["status"] == "missing").sum())

    @property
    def failed(self) -> pd.DataFrame:
        """Return who failed and why; each trial's log lies at `log`."""
        failed = self.table[self.table["status"] == "failed"]
        store = Store(self.runs)
        logs = [str(store.log_path(trial_id)) for trial_id in failed["id"]]
        named = failed[["dataset", "budget", "strategy", "seed", "reason"]]
        return named.assign(log=logs).reset_index(drop=True)

    def __repr__(self) -> str:
        failed = self.failed
        told = [
            f"FAILED {row.dataset}/{row.budget}/{row.strategy}/seed{row.seed}: {row.reason}\n  log: {row.log}"
            for row in failed.itertuples()
        ]
        return "\n".join([self._counts(), *told, self._next()])

    def _repr_html_(self) -> str:
        failed = self.failed
        table = failed.to_html(index=False) if len(failed) else ""
        return f"<p>{html.escape(self._counts())}</p>{table}<p><code>{html.escape(self._next())}</code></p>"

    def _counts(self) -> str:
        counts = f"{self.suite}: {self.done} of {len(self.table)} trials done"
        failed = f", {len(self.failed)} failed" if len(self.failed) else ""
        return counts + failed + (f", {self.missing} not run" if self.missing else "")

    def _next(self) -> str:
        runs = "" if self.runs == Path("runs") else f", runs={str(self.runs)!r}"
        return f"next: benchmark.report({self.suite!r}{runs})"


@of_the_disk_told()
def run(
    suite: str | Path,
    *,
    runs: str | Path = "runs",
    local: bool = True,
    only: str | Sequence[str] = (),
    keep: str = "models",
    **settings: Any,
) -> SuiteRun:
    """Run every trial of a suite file that is not done yet, as `bench run` does; the records are the same.

    local: one trial after the other in this process, which is what a notebook is for. Suites of more than
    some minutes are worth `local=False`: Ray, with as many trials at once as there are cores.
    only: a part, e.g. "strategy=phased,budget=100". keep: "records", "models" or "all".
    settings: `retries`, `fail_fast`, `stall_seconds`, `max_concurrent`, `address`, as `bench run` has them.

    To interrupt the kernel is Ctrl-C: running trials write a checkpoint, the cell ends with a line, and the
    same call goes on. From another thread than the main one no signal is heard: such a run ends by itself.
    Trials that fail are listed by what is returned. Raises UserError before anything is trained.
    """
    from benchmark.commands.run import engine_of
    from benchmark.data import load_dataset
    from benchmark.running.run import Options, run_suite

    path = _suite_file(suite)
    chosen = (only,) if isinstance(only, str) else tuple(only)
    options = Options(_settings(keep, settings), engine_of(local=local), chosen, display=display_here())
    load_dataset.cache_clear()  # a kernel lives for days, and a folder of images may have changed since
    try:
        with _left_as_it_was():
            run_suite(path, Store(Path(runs)), console(), options)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(_GOES_ON) from interrupt
    name = suite_name(path)
    return SuiteRun(name, Path(runs), records(runs, name))


def _suite_file(suite: object) -> Path:
    """Return the path of a suite's file. Raises UserError for text or a mapping."""
    if not isinstance(suite, str | Path) or "\n" in str(suite):
        raise UserError(
            f"{shown(str(suite), 40)} is no file: a suite is named by its file, and its paths start there",
            "write it first, e.g. with %%writefile question.yaml, then benchmark.run('question.yaml')",
        )
    return Path(suite)


def _settings(keep: str, others: dict[str, Any]) -> RunSettings:
    """Return the settings of a run. Raises UserError for a name or a value that is none."""
    from benchmark.running.run_settings import RunSettings, checked_keep

    known = ("retries", "fail_fast", "stall_seconds", "max_concurrent", "address")
    for name in others:
        if name not in known:
            raise UserError(*unknown_name("run: argument", name, ["suite", "runs", "local", "only", *known]))
    return RunSettings(keep=checked_keep(keep), **others)


@contextlib.contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Put back what trials and Ray change of a process: handlers of signals, PyTorch's threads."""
    import torch

    threads = torch.get_num_threads()
    ours = threading.current_thread() is threading.main_thread()  # others may not set handlers, nor do
    before = {number: signal.getsignal(number) for number in _HANDLED} if ours else {}
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
