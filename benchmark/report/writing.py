"""Write a suite's report: README.md, index.html, tables and figures, each file whole or not at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmark.naming import file_stems
from benchmark.report.comparing.comparison import Comparison, compare
from benchmark.report.comparing.variance_split import has_repeats
from benchmark.report.figures.budgets import budget_figure
from benchmark.report.figures.crosstalk import crosstalk_figure
from benchmark.report.figures.fonts import glyphs_remark
from benchmark.report.figures.leakage import leakage_figure
from benchmark.report.figures.rendering import rendering
from benchmark.report.figures.samples import grid_images, sample_figure
from benchmark.report.figures.style import styled
from benchmark.report.figures.training import learning_figure, strength_figure
from benchmark.report.figures.views import contact_sheet, seen_views
from benchmark.report.latex import latex_text
from benchmark.report.page import page_text
from benchmark.report.page.sample_strips import Block, sample_block
from benchmark.report.reading.loading import load_suite
from benchmark.report.reading.protocol import refuse_mixed_protocols
from benchmark.report.reading.record_table import parquet_bytes
from benchmark.report.words.readme import Caption, readme_text
from benchmark.report.words.tables import csv_text
from benchmark.report.words.variance import variance_csv
from pcvq2.trainer.whole_file import write_whole


@dataclass(frozen=True)
class ReportSummary:
    """Say what a report wrote and what it rests on."""

    readme: Path
    paths: tuple[Path, ...]  # every file written, the README first
    done: int
    failed: int
    missing: int
    comparison: Comparison
    captions: tuple[Caption, ...]  # of the figures, in the page's order


def write_report(manifest_path: Path, runs: Path, output: Path) -> ReportSummary:
    """Write the report of one suite from its manifest and the records under `runs`.

    The same records give the same bytes. Raises `UserError` when nothing is done or when records of one
    dataset follow different protocols.
    """
    with _collector_paused():
        suite = load_suite(manifest_path, runs)
    refuse_mixed_protocols(suite)
    comparison = compare(suite)
    names = [suite.title, *suite.datasets, *suite.strategies]
    remark = glyphs_remark(names)
    notes = [f"{remark[0].upper()}{remark[1:]}."] if remark else []
    blocks: list[Block] = []
    with styled(names):
        captions, figures = zip(*_figures(comparison, runs, notes, blocks), strict=True)
        with rendering(figures) as images:
            texts = {
                "README.md": readme_text(comparison, captions, notes).encode(),
                "table.csv": csv_text(comparison).encode(),
                "table.tex": latex_text(comparison).encode(),
                "records.parquet": parquet_bytes(suite),
            }
            drawn = list(zip(captions, images(), strict=True))
    texts["index.html"] = page_text(comparison, drawn, notes, blocks).encode()
    if has_repeats(comparison):
        texts["variance.csv"] = variance_csv(comparison).encode()
    files = {
        f"figures/{caption.stem}.{kind}": content
        for caption, images in drawn
        for kind, content in images.items()
    }
    written = [write_whole(output / name, content) for name, content in (texts | files).items()]
    return ReportSummary(
        readme=written[0],
        paths=tuple(written),
        done=len(suite.records),
        failed=suite.count("failed"),
        missing=suite.count("missing"),
        comparison=comparison,
        captions=tuple(captions),
    )


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


def _figures(
    comparison: Comparison, runs: Path, notes: list[str], blocks: list[Block]
) -> Iterator[tuple[Caption, Figure]]:
    """Yield every figure that the records allow; add a note for each one they do not.

    The images of a grid are also added to `blocks`, for the page.
    """
    for dataset, stem in file_stems(comparison.suite.datasets).items():
        yield Caption(f"{stem}-budgets", f"{dataset}: {_BUDGETS}"), budget_figure(comparison, dataset)
        for name, text, draw, what in (
            ("leakage", _LEAKAGE, leakage_figure, "leakage"),
            ("crosstalk", _CROSSTALK, crosstalk_figure, "cross-talk of leakage probes"),
            ("strength", _STRENGTH, strength_figure, "strength curves"),
            ("learning", _LEARNING, learning_figure, "learning curves"),
        ):
            figure = draw(comparison, dataset)
            if figure is None:
                notes.append(f"No {what} of {dataset}: its records hold none.")
            else:
                yield Caption(f"{stem}-{name}", f"{dataset}: {text}"), figure
        size, seed, seen = seen_views(comparison, runs, dataset)
        if seen:
            title = f"{dataset}, {size} training images, seed {seed}"
            sheet = contact_sheet(seen, comparison.suite.strategies, title)
            yield Caption(f"{stem}-views", f"{title}: {_VIEWS}"), sheet
        for budget in comparison.suite.budgets(dataset):
            seed, found = grid_images(comparison, runs, dataset, budget)
            absent = [f"`{name}`" for name in comparison.suite.strategies if name not in found]
            where = f"{dataset}, {budget} training images"
            if absent:
                notes.append(f"No readable sample images for {', '.join(absent)} ({where}, seed {seed}).")
            if found:
                title = f"{where}, seed {seed}"
                caption = Caption(f"{stem}-samples-{budget}", f"{title}: {_SAMPLES}", is_image_grid=True)
                blocks.append(sample_block(title, found, comparison.suite.baseline))
                yield caption, sample_figure(comparison, found, title)


_BUDGETS = (
    "scores against the number of training images. Points are means over seeds, bars 95 % Student-t "
    "intervals, dots single seeds; strategies stand side by side at each budget. A bar that meets the frame "
    "goes on beyond it."
)
_STRENGTH = (
    "augmentation strength over the training of the prior. Strength as recorded at each evaluation is drawn "
    "over the steps before it. A strategy whose strength is the same in every trial has one line; any other "
    "has one per budget and seed, of six seeds at most."
)
_LEARNING = (
    "the prior's rate over training. Both code maps; held-out images solid, training images dashed, one line "
    "per seed, at most six. Rates compare only where perplexity (top / bottom) and reconstruction MSE, "
    "printed above each panel, are alike. Heights fit what follows the first tenth of training, which may "
    "leave the frame."
)
_LEAKAGE = (
    "how much of each operation appears in samples: 0 as in clean held-out images, 1 as in fully augmented "
    "ones. Bars are means over seeds, dots single seeds, lines 95 % Student-t intervals. An operation that "
    "the probes cannot tell from clean images has no bar. The bars of `none` show what the model itself "
    "does. A line that meets the frame goes on beyond it."
)
_CROSSTALK = (
    "cross-talk of the leakage probes. Each row is real held-out images with one operation alone at full "
    "strength, each column what that operation's probe makes of them, on the scale of leakage: off the "
    "diagonal, what one operation adds to another's bar. Above 1: seen more clearly alone than among all."
)
_VIEWS = (
    "what the model saw. The first images of the batch at five steps of training, as each strategy drew "
    "them; clean images above. A strategy without a row saw clean images; one that keeps "
    "images back for validation draws batches of its own."
)
_SAMPLES = (
    "real and sampled images. Held-out images and their reconstructions, then each strategy's samples, not "
    "selected, with the nearest training image under each."
)
