"""Write a suite's report: README.md, index.html, tables and figures, each file whole or not at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.fonts import glyphs_remark
from benchmark.report.comparing.comparison import SuiteComparison, compare
from benchmark.report.comparing.variance_split import has_repeats
from benchmark.report.figures.every import report_figures
from benchmark.report.figures.rendering import rendering
from benchmark.report.figures.style import styled
from benchmark.report.latex import latex_text
from benchmark.report.page.filling import page_text
from benchmark.report.page.sample_strips import sample_block
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.protocol import refuse_mixed_protocols
from benchmark.report.reading.record_table import parquet_bytes
from benchmark.report.words.frame import table_csv
from benchmark.report.words.readme import readme_text
from benchmark.report.words.section import Caption, Contents
from benchmark.report.words.sections import SECTIONS
from benchmark.report.words.variance import variance_csv


@dataclass(frozen=True)
class ReportSummary:
    """Say what a report wrote and what it rests on."""

    readme: Path
    paths: tuple[Path, ...]  # every file written, the README first
    done: int
    failed: int
    missing: int
    comparison: SuiteComparison
    captions: tuple[Caption, ...]  # of the figures, in the page's order


def write_report(manifest_path: Path, runs: Path, output: Path) -> ReportSummary:
    """Write the report of one suite from its manifest and the records under `runs`.

    The same records give the same bytes. Raises `UserError` when nothing is done or when records of one
    dataset follow different protocols.
    """
    from pcvq2.trainer.whole_file import write_whole  # here: what only reads a report needs none of pcvq2

    with _collector_paused():
        suite = load_records(manifest_path, runs)
    refuse_mixed_protocols(suite)
    comparison = compare(suite)
    files, captions = _files(comparison, runs)
    written = [write_whole(output / name, content) for name, content in files.items()]
    return ReportSummary(
        readme=written[0],
        paths=tuple(written),
        done=len(suite.records),
        failed=suite.count("failed"),
        missing=suite.count("missing"),
        comparison=comparison,
        captions=captions,
    )


def _files(comparison: SuiteComparison, runs: Path) -> tuple[dict[str, bytes], tuple[Caption, ...]]:
    """Return every file of the report, the README first, and the captions of its figures."""
    suite = comparison.suite
    names = [suite.title, *suite.datasets, *suite.strategies]
    remark = glyphs_remark(names)
    notes = [f"{remark[0].upper()}{remark[1:]}."] if remark else []
    with styled(names):
        figures = list(report_figures(comparison, runs, notes))
        contents = Contents(comparison, [drawn.caption for drawn in figures], notes)
        with rendering([drawn.figure for drawn in figures]) as images:
            files = {
                "README.md": readme_text(contents, SECTIONS).encode(),
                "table.csv": table_csv(comparison).encode(),
                "table.tex": latex_text(comparison).encode(),
                "records.parquet": parquet_bytes(suite),
            }
            rendered = list(zip(contents.captions, images(), strict=True))
    blocks = [sample_block(drawn.title, drawn.images, suite.baseline) for drawn in figures if drawn.images]
    files["index.html"] = page_text(contents, SECTIONS, rendered, blocks).encode()
    if has_repeats(comparison):
        files["variance.csv"] = variance_csv(comparison).encode()
    for caption, formats in rendered:
        files |= {f"figures/{caption.stem}.{kind}": content for kind, content in formats.items()}
    return files, tuple(contents.captions)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking records that live to the end: a sixth faster."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
