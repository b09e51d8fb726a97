"""The report as one file that opens offline: a template filled with words, tables, figures and images."""

from benchmark.report.page.filling import page_text

__all__ = ["page_text"]
