"""Show a report where a notebook stands: its answer and its figures, inline (`benchmark.report`)."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from PIL import Image

from benchmark.errors import of_the_disk_told
from benchmark.naming import suite_name
from benchmark.report.figures.style import PNG_DPI
from benchmark.report.page.inlining import data_uri, prose
from benchmark.report.words.findings import findings
from benchmark.report.words.limits import limit_lines
from benchmark.report.words.readme import status_line
from benchmark.report.words.section import Caption
from benchmark.report.words.unfinished import unfinished_lines
from benchmark.report.writing import ReportSummary, write_report
from benchmark.store.writable import refuse_unwritable_output

_CSS_DPI = 96  # a browser's pixels an inch


@dataclass(frozen=True, repr=False)
class Report:
    """A written report: shown, it says the answer, what is missing, and draws every figure."""

    summary: ReportSummary

    @property
    def path(self) -> Path:
        """Return the page, which opens in a browser; all other files lie beside it."""
        return self.summary.readme.with_name("index.html")

    @property
    def table(self) -> pd.DataFrame:
        """Return table.csv: a row per data set, budget and strategy.

        `SCORE_mean`, `_low`, `_high` (95 % Student-t interval over seeds) and `_n`; `SCORE_diff_*` the same
        of paired differences to the baseline.
        """
        return pd.read_csv(self.path.with_name("table.csv"))

    def __repr__(self) -> str:
        return "\n".join([*self._answer(), "", f"report: {self.path}"])

    def _repr_html_(self) -> str:
        comparison, suite = self.summary.comparison, self.summary.comparison.suite
        files = f"Tables, every record and this as one page: `{self.path.parent}`."
        parts = [
            Markup("<h3>{}</h3>").format(suite.title or suite.name),
            prose(self._answer()),
            prose([status_line(suite, files).replace("[named below](#failed-and-missing-trials)", "below")]),
            prose(unfinished_lines(comparison)) if suite.unfinished else Markup(),
            *(self._figure(caption) for caption in self.summary.captions),
        ]
        return Markup('<div class="bench-report">{}</div>').format(Markup("\n").join(parts))

    def _answer(self) -> list[str]:
        comparison = self.summary.comparison
        return [*findings(comparison), "", *limit_lines(comparison)]

    def _figure(self, caption: Caption) -> Markup:
        """Return a figure with its content inside: no viewer drops a PNG."""
        drawn = self.path.parent / "figures" / f"{caption.stem}.png"
        with Image.open(drawn) as image:
            width = round(image.width * _CSS_DPI / PNG_DPI)
        return Markup(
            '<figure style="margin:1.5em 0"><img src="{}" alt="{}" style="width:{}px;max-width:100%">'
            "<figcaption>{}</figcaption></figure>"
        ).format(data_uri(drawn.read_bytes()), caption.text.split(".")[0], width, caption.text)


@of_the_disk_told()
def report(suite: str | Path, runs: str | Path = "runs", output: str | Path = "reports") -> Report:
    """Write the report of a suite that was run, as `bench report` does, and show it.

    suite: its name, or its file. The files lie in `output`/<suite>/. The last line of a cell shows what is
    returned: the answer and the figures; `.table` is table.csv as a DataFrame, `.path` the page.
    Raises UserError where nothing is done yet.
    """
    from benchmark.store.store import Store  # a report that nobody asks for by name needs none

    refuse_unwritable_output(Path(output))
    name = suite_name(suite)
    try:
        return Report(write_report(Store(Path(runs)).find_manifest(name), Path(runs), Path(output) / name))
    finally:
        gc.unfreeze()  # a report hides what there is from the collector, which suits a process that ends
