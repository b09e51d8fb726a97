"""The harness: suite -> trials -> records -> report; from Python and notebooks: the functions named here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

__version__ = "0.1.0"
__all__ = ["open_model", "preview", "records", "report", "run"]

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark.notebook.models import open_model
    from benchmark.notebook.preview import preview
    from benchmark.notebook.run import run
    from benchmark.report.inline import Report
    from benchmark.report.reading.frame import records

    class _CallableRoom(Protocol):
        """What `benchmark.report` is: a room of files and a function at once."""

        def __call__(
            self, suite: str | Path, runs: str | Path = "runs", output: str | Path = "reports"
        ) -> Report: ...

        def __getattr__(self, name: str) -> Any: ...

    report: _CallableRoom

_PLACES = {
    "open_model": "benchmark.notebook.models",
    "preview": "benchmark.notebook.preview",
    "records": "benchmark.report.reading.frame",
    "run": "benchmark.notebook.run",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import benchmark` costs nothing."""
    if name == "report":  # a room, and callable: see benchmark/report/__init__.py
        return importlib.import_module("benchmark.report")
    if name not in _PLACES:
        raise AttributeError(f"module 'benchmark' has no attribute '{name}'")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
