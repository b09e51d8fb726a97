"""Write the comparison of two runs, as a page among others, and print it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from benchmark.report.figures.style import strategy_styles
from benchmark.report.page.filling import filled
from benchmark.report.page.inlining import prose
from benchmark.report.page.main_table import Entry, MainTable, finite
from benchmark.report.reading.scores import way_phrase
from benchmark.report.two_runs.compare import Pairing, TwoRuns
from benchmark.report.two_runs.text import (
    circumstance_lines,
    one_sided_lines,
    pairing_columns,
    score_tables,
    two_runs_text,
    verdict_lines,
)
from benchmark.report.words.formatting import (
    decimals_for,
    decimals_of_differences,
    interval,
    mean_and_half_width,
    p_text,
)
from pcvq2.trainer.whole_file import write_whole

_FILES = (
    "Beside this page: [table.csv](table.csv) (every number), [README.md](README.md) (the same in Markdown). "
    "Difference: second − first, so below zero the second run has the lower number."
)


def write_two_runs(runs: TwoRuns, output: Path) -> Path:
    """Write README.md (main scores), index.html and table.csv (every tested score); return the README."""
    table = pd.DataFrame([_fields(pairing) for pairing in runs.pairings])
    text = table.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    write_whole(output / "table.csv", text.encode())
    write_whole(output / "index.html", two_runs_page(runs).encode())
    return write_whole(output / "README.md", two_runs_text(runs).encode())


def two_runs_page(runs: TwoRuns) -> str:
    """Return index.html: one file that opens offline, with the suite page's frame and table."""
    tables = [line for title, table in score_tables(runs) for line in (f"### {title}", "", *table, "")]
    command = ["```sh", f"bench report {runs.names[0]} {runs.names[1]}", "```"]
    styles = strategy_styles(runs.first.strategies)
    return filled(
        "two_runs.html.jinja",
        {
            "name": f"{runs.first.name}, two runs",
            "title": f"{runs.first.title or runs.first.name}: two runs",
            "answer": prose(verdict_lines(runs)),
            "status": prose([_FILES]),
            "table": _main_table(runs),
            "colors": {name: style.color for name, style in styles.items()},
            "full_tables": prose(tables),
            "circumstances": prose(circumstance_lines(runs)),
            "only_in_one": prose(one_sided_lines(runs)),
            "reproduce": prose(command),
        },
    )


def _main_table(runs: TwoRuns) -> MainTable:
    """Return every tested score's rows; a cell without a pair in a score has dashes there."""
    rows = list(dict.fromkeys((p.dataset, p.budget, p.strategy) for p in runs.pairings))
    keys = list(dict.fromkeys(pairing.key for pairing in runs.pairings))
    return MainTable(
        rows=rows,
        scores={key: _score_table(runs, key, rows) for key in keys},
        first=keys[0] if keys else "",
        datasets=[name for name in runs.first.datasets if any(name == row[0] for row in rows)],
        budgets=sorted({budget for _, budget, _ in rows}),
        strategies=[name for name in runs.first.strategies if any(name == row[2] for row in rows)],
        left_out=0,
    )


def _score_table(runs: TwoRuns, key: str, rows: Sequence[tuple[str, int, str]]) -> dict[str, object]:
    found, known = runs.of(key), runs.first.score(key)
    means = decimals_for([e for p in found for e in (p.first, p.second)], key)
    differences = decimals_of_differences(p.difference for p in found)
    shown = {(p.dataset, p.budget, p.strategy): _entries(p, means, differences) for p in found}
    nothing: list[Entry] = [("–", None)] * 7
    return {
        "title": known.title,
        "way": way_phrase(known.better),
        "record": "identical",
        "rows": [shown.get(row, nothing) for row in rows],
        "best": [False] * len(rows),  # two runs have no winner
    }


def _entries(pairing: Pairing, means: int, differences: int) -> list[Entry]:
    return [
        *((mean_and_half_width(e, means), finite(e.mean)) for e in (pairing.first, pairing.second)),
        (interval(pairing.difference, differences), finite(pairing.difference.mean)),
        (str(pairing.difference.n), pairing.difference.n),
        (str(pairing.identical), pairing.identical),
        (p_text(pairing.p), finite(pairing.p)),
        (p_text(pairing.p_holm), finite(pairing.p_holm)),
    ]


def print_two_runs(runs: TwoRuns, console: Console) -> None:
    """Print the headline's table and the verdict."""
    headline = runs.first.headline.key
    table = Table(
        title=f"{runs.first.score(headline).title}: second - first",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
    )
    names = ("images", "strategy", "first", "second", "difference [95 %]", "pairs", "identical")
    for name in names:
        is_name = name == "strategy"
        table.add_column(name, justify="left" if is_name else "right", no_wrap=not is_name)
    columns = dict(pairing_columns(runs.of(headline)))
    for row in zip(*(columns[name] for name in names), strict=True):
        table.add_row(*(text.strip("`") for text in row))
    console.print(table)
    for line in verdict_lines(runs):
        console.print(line)


def _fields(pairing: Pairing) -> dict[str, object]:
    return {
        "dataset": pairing.dataset,
        "budget": pairing.budget,
        "strategy": pairing.strategy,
        "score": pairing.key,
        "first_mean": pairing.first.mean,
        "second_mean": pairing.second.mean,
        "diff_mean": pairing.difference.mean,
        "diff_low": pairing.difference.low,
        "diff_high": pairing.difference.high,
        "n_pairs": pairing.difference.n,
        "n_unpaired": pairing.difference.left_out,
        "identical": pairing.identical,
        "p": pairing.p,
        "p_holm": pairing.p_holm,
    }
