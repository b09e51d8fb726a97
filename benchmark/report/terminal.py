"""Print the main table; a narrow terminal gets fewer scores, never a number without its n."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.comparing.reference import marginals
from benchmark.report.reading.protocol import features_phrase, few_samples, protocol_record
from benchmark.report.reading.scores import MARGINALS_NAME, way_phrase
from benchmark.report.words.formatting import (
    decimals_for,
    decimals_of_differences,
    interval,
    number_text,
    shortened,
)

if TYPE_CHECKING:
    from benchmark.report.writing import ReportSummary

_SAMPLES = {"kid": "KID", "fid": "FID", "nearest_training_ratio": "near", "recall": "recall"}


def print_table(summary: ReportSummary, console: Console) -> None:
    """Print one table per dataset, then how many trials it rests on and how to read it."""
    comparison = summary.comparison
    tables = [_fitting_table(comparison, dataset, console) for dataset in comparison.suite.datasets]
    for table in tables:
        console.print(table)
    counts = f"{summary.done} done, {summary.failed} failed, {summary.missing} missing"
    console.print(counts)
    console.print("n: seeds; pairs: seeds shared with the baseline; [ ]: 95 % Student-t interval over seeds.")
    if any(column.header == "near" for table in tables for column in table.columns):
        console.print("near: median distance of samples to the nearest training image; held-out images = 1.")


def _fitting_table(comparison: SuiteComparison, dataset: str, console: Console) -> Table:
    """Return the table with as many scores of samples as fit; FID never stands without its company."""
    few = few_samples(protocol_record(comparison.suite, dataset))
    full = list(_SAMPLES) if few else ["fid", "nearest_training_ratio", "kid", "recall"]
    for keys in (full, ["kid", "recall"], ["kid"]):
        table = _table(comparison, dataset, [key for key in keys if key in comparison.metrics])
        unbounded = console.options.update_width(10_000)  # how wide it wants to be, not how far it can shrink
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            return table
    return _table(comparison, dataset, [])


def _table(comparison: SuiteComparison, dataset: str, keys: list[str]) -> Table:
    suite = comparison.suite
    record = protocol_record(suite, dataset)
    headline = comparison.headline
    sampled = any(key in comparison.metrics for key in _SAMPLES)
    protocol = f"; {features_phrase(record)}" if sampled else ""
    title = f"{dataset}: {headline.title} ({way_phrase(headline.better)}){protocol}"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("strategy", overflow="fold", min_width=16, max_width=24)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column(headline.in_short, justify="right", no_wrap=True)
    table.add_column(f"difference to {shortened(str(suite.baseline), 12)}", justify="right", no_wrap=True)
    table.add_column("pairs", justify="right", no_wrap=True)
    for key in keys:
        table.add_column(_SAMPLES[key], justify="right", no_wrap=True)
    for budget in suite.budgets(dataset):
        _add_budget(table, comparison, comparison.at(dataset, budget), keys)
    return table


def _add_budget(table: Table, comparison: SuiteComparison, cells: list[Cell], keys: list[str]) -> None:
    headline = comparison.headline.key
    decimals = decimals_of_differences(cell.difference(headline) for cell in cells)
    columns = [_means(cells, key) for key in keys]
    found = marginals(comparison, cells[0].dataset, cells[0].budget)
    table.add_row(Text(f"{cells[0].budget} images", "bold"))
    for row, (cell, mean) in enumerate(zip(cells, _means(cells, headline), strict=True)):
        is_baseline = cell.strategy == comparison.suite.baseline
        paired = cell.difference(headline)
        table.add_row(
            cell.strategy,
            str(cell.done),
            mean,
            "baseline" if is_baseline else interval(paired, decimals),
            "" if is_baseline else str(paired.n),
            *(column[row] for column in columns),
            end_section=row == len(cells) - 1 and not found.n,
        )
    if found.n:
        mean = number_text(found.mean, _decimals(cells, headline))
        table.add_row(MARGINALS_NAME, str(found.n), mean, end_section=True)


def _means(cells: list[Cell], key: str) -> list[str]:
    decimals = _decimals(cells, key)
    found = [(cell, cell.score(key)) for cell in cells]
    return [
        number_text(e.mean, decimals) + (f" (n={e.n})" if e.n not in (0, cell.done) else "")
        for cell, e in found
    ]


def _decimals(cells: list[Cell], key: str) -> int:
    most = {"recall": 2, "nearest_training_ratio": 2}.get(key, 5)
    return min(decimals_for((cell.score(key) for cell in cells), key), most)
