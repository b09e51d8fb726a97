"""Turn a suite's records into a README, a table and figures: no torch, no Ray, no model code."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from benchmark.report.inline import Report
from benchmark.report.inline import report as _report
from benchmark.report.terminal import print_table
from benchmark.report.writing import ReportSummary, write_report

__all__ = ["Report", "ReportSummary", "print_table", "write_report"]


class _CallableRoom(ModuleType):
    """This room, which is a function as well: whoever imports it has it stand as `benchmark.report`."""

    def __call__(
        self, suite: str | Path, runs: str | Path = "runs", output: str | Path = "reports"
    ) -> Report:
        return _report(suite, runs, output)

    __call__.__doc__ = _report.__doc__


sys.modules[__name__].__class__ = _CallableRoom
