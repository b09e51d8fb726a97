"""`bench` run by tests: in this process, in one of its own or in the background; and what it left."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from benchmark import cli
from benchmark.planning.trial import Trial
from benchmark.running.one_trial import attempt_trial
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt

MODULE = ("-m", "benchmark.cli")
Progress = Callable[[str, int, int], None]
Ended = subprocess.CompletedProcess[str]


def bench(*arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command in this process: seconds faster than one of its own, which starts by importing torch.

    For whatever asks nothing of a process: what is said where, the exit code, the files.
    """
    words = ["bench", *map(str, arguments)]
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as said,
        contextlib.redirect_stderr(io.StringIO()) as complained,
    ):
        if cwd is not None:
            patch.chdir(cwd)
        patch.setattr(sys, "argv", words)
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        code = _exit_code()
    return subprocess.CompletedProcess(words, code, said.getvalue(), complained.getvalue())


def _exit_code() -> int:
    with signals_as_before():
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@contextlib.contextmanager
def signals_as_before() -> Iterator[None]:
    """Undo what a command does to the handling of signals: processes that are started later inherit it.

    In the background of a shell, where Ctrl-C is ignored, a command blocks it.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def bench_alone(
    *arguments: object,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    python: Path | str = sys.executable,
    prefix: tuple[str, ...] = (),
) -> Ended:
    """Run a command in a process of its own, behind another command if there is a prefix."""
    return subprocess.run(
        [*prefix, str(python), *MODULE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def start(
    *arguments: object,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    python: Path | str = sys.executable,
    stderr: int | IO[str] = subprocess.STDOUT,
    ignored: tuple[signal.Signals, ...] = (),
) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, with signals as a terminal leaves them."""

    def as_a_shell_does() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    return subprocess.Popen(
        [str(python), *MODULE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
        preexec_fn=as_a_shell_does,
    )


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 180) -> None:
    """Wait until something holds, and fail where the process ends before."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unheard(stage: str, step: int, steps: int) -> None:
    """Hear of a trial's progress and say nothing."""


def attempt(
    trial: Trial,
    runs: Path,
    progress: Progress = unheard,
    **settings: Any,
) -> dict[str, Any]:
    """Run a trial as an engine does; return its record, of a failure too."""
    return attempt_trial(trial, Store(runs), Attempt(progress=progress, **settings))


def without_times(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a record is the same in every run."""
    return {key: v for key, v in record.items() if not key.endswith("_seconds") and key != "finished_at"}


def deterministic(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return that, less who trained a shared auto-encoder: of several engines whoever came first."""
    return {key: value for key, value in without_times(record).items() if key != "codes_shared"}


def records(runs: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a folder by their ids."""
    return {path.stem: json.loads(path.read_text()) for path in (runs / "records").glob("*.json")}
