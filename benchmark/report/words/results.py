"""Lay out the main scores budget by budget, under a note on how to read them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison, remembered
from benchmark.report.reading.protocol import few_samples, protocol_record
from benchmark.report.reading.scores import BITS_PER_DIM
from benchmark.report.reading.suite_records import FAMILY
from benchmark.report.words.markdown import markdown
from benchmark.report.words.tables import SAMPLE_SCORES, headline_columns, plugin_columns, sample_columns


@remembered
def result_lines(comparison: SuiteComparison) -> list[str]:
    """Return the section's lines: a table or two for every data set and budget, then plugins' scores."""
    suite = comparison.suite
    lines: list[str] = []
    for dataset in suite.datasets:
        record = protocol_record(suite, dataset)
        lines += [f"### {dataset}", "", *_table_notes(comparison, few_samples(record)), ""]
        for budget in suite.budgets(dataset):
            cells = comparison.at(dataset, budget)
            lines += [f"#### {dataset}, {budget} training images", ""]
            lines += [*markdown(headline_columns(comparison, cells)), ""]
            if columns := sample_columns(comparison, cells, record):
                lines += [*markdown(columns), ""]
            lines += _cell_notes(cells, suite.headline.key)
        plugins = plugin_columns(comparison, dataset)
        if plugins:
            lines += [f"#### {dataset}, scores added by plugins", "", *markdown(plugins), ""]
    return lines


def _table_notes(comparison: SuiteComparison, few: bool) -> list[str]:
    suite = comparison.suite
    codes = f" {_CODES}" if suite.headline == BITS_PER_DIM and suite.family == FAMILY else ""
    lines = [f"{_COUNTS}{codes}"]
    if any(key in comparison.metrics for key in SAMPLE_SCORES):
        lines += ["", f"{f'{_KID_LEADS} ' if few else ''}{_MEMORISING}"]
    return lines


_COUNTS = (
    "n: seeds with a record; it holds for every number in the row that does not give its own. ± and "
    "[ ]: 95 % Student-t intervals over seeds."
)
_CODES = (
    "Bits/dim are an upper bound: the rate of both code maps "
    "plus the distortion. The prior's rate is never shown without the codes' perplexity and the "
    "reconstruction error, because a collapsed codebook has a rate near zero."
)
_KID_LEADS = "KID leads because FID is biased at so few samples, by an amount the model decides."
_MEMORISING = (
    "FID rewards memorising at small n: read it with recall and with the nearest-training ratio "
    "(median distance of samples to their nearest training image over that of held-out images: below 1, "
    "samples lie nearer to the training images than held-out images do)."
)


def _cell_notes(cells: Sequence[Cell], headline: str) -> list[str]:
    notes = []
    alone = [f"`{cell.strategy}`" for cell in cells if cell.done == 1]
    if alone:
        notes.append(f"One seed, hence no interval: {', '.join(alone)}.")
    dropped = [
        f"`{cell.strategy}` {cell.difference(headline).left_out}"
        for cell in cells
        if cell.difference(headline).left_out
    ]
    if dropped:
        notes.append(f"Planned seeds without a pair, left out of both arms: {', '.join(dropped)}.")
    return [" ".join(notes), ""] if notes else []
