"""Turn a suite's records into a README, a table and figures: no torch, no Ray, no model code."""

from benchmark.report.terminal import print_table
from benchmark.report.writing import ReportSummary, write_report

__all__ = ["ReportSummary", "print_table", "write_report"]
