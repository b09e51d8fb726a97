"""Write the README of a report: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.report.comparing.comparison import Cell, SuiteComparison, remembered
from benchmark.report.reading.loading import SuiteRecords
from benchmark.report.reading.protocol import few_samples, protocol_record
from benchmark.report.reading.scores import HEADLINE
from benchmark.report.words.efficiency import efficiency_lines
from benchmark.report.words.findings import findings
from benchmark.report.words.leakage import leak_lines
from benchmark.report.words.limits import limit_lines
from benchmark.report.words.paired import paired_lines
from benchmark.report.words.provenance import (
    commits,
    environment_lines,
    protocol_lines,
    unfinished_lines,
)
from benchmark.report.words.tables import (
    likelihood_columns,
    markdown,
    plugin_columns,
    sample_columns,
)


@dataclass(frozen=True)
class Caption:
    """Name a figure's file (without suffix) and say what it shows."""

    stem: str
    text: str
    is_image_grid: bool = False  # shown image by image on the page


_FILES = (
    "Every number: [table.csv](table.csv), every record: [records.parquet](records.parquet), for a paper: "
    "[table.tex](table.tex); the same as one page that sorts and filters: [index.html](index.html)."
)


def readme_text(comparison: SuiteComparison, captions: Sequence[Caption], notes: Sequence[str] = ()) -> str:
    """Return README.md; `notes` name figures that could not be drawn."""
    sections = [
        (
            "",
            [
                f"# {comparison.suite.name}",
                "",
                *_title(comparison.suite),
                status_line(comparison.suite, _FILES),
            ],
        ),
        ("Answer", [*findings(comparison), "", *limit_lines(comparison)]),
        ("Results", result_lines(comparison)),
        ("Paired comparisons", paired_lines(comparison)),
        ("Data efficiency", efficiency_lines(comparison)),
        ("Leakage and memorisation", leak_lines(comparison)),
        ("Figures", _figure_lines(captions, notes)),
        ("Failed and missing trials", unfinished_lines(comparison)),
        ("Protocol", protocol_lines(comparison)),
        ("Environment", environment_lines(comparison)),
        ("Reproduce", reproduce_lines(comparison)),
    ]
    blocks = ["\n".join([f"## {heading}", "", *lines] if heading else lines) for heading, lines in sections]
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def status_line(suite: SuiteRecords, files: str) -> str:
    """Say what is done, what is not, and which files have the rest."""
    counts = f"{len(suite.records)} of {len(suite.trials)} trials are done"
    failed, missing = suite.count("failed"), suite.count("missing")
    rest = f"; {failed} failed, {missing} missing ([named below](#failed-and-missing-trials))"
    baseline = f" Baseline: `{suite.baseline}`." if suite.baseline else " No baseline is named."
    return f"{counts}{rest if failed or missing else ''}.{baseline} {files}"


def _title(suite: SuiteRecords) -> list[str]:
    return [f"*{suite.title}*", ""] if suite.title else []


@remembered
def result_lines(comparison: SuiteComparison) -> list[str]:
    suite = comparison.suite
    lines: list[str] = []
    for dataset in suite.datasets:
        record = protocol_record(suite, dataset)
        lines += [f"### {dataset}", "", *_table_notes(few_samples(record)), ""]
        for budget in suite.budgets(dataset):
            cells = comparison.at(dataset, budget)
            lines += [f"#### {dataset}, {budget} training images", ""]
            lines += [*markdown(likelihood_columns(cells, suite.baseline)), ""]
            lines += [*markdown(sample_columns(cells, record)), "", *_cell_notes(cells)]
        plugins = plugin_columns(comparison, dataset)
        if plugins:
            lines += [f"#### {dataset}, scores added by plugins", "", *markdown(plugins), ""]
    return lines


def _table_notes(few: bool) -> list[str]:
    leads = (
        "KID leads because FID is biased at so few samples, by an amount the model decides. " if few else ""
    )
    return [
        "n: seeds with a record; it holds for every number in the row that does not give its own. ± and "
        "[ ]: 95 % Student-t intervals over seeds. Bits/dim are an upper bound: the rate of both code maps "
        "plus the distortion. The prior's rate is never shown without the codes' perplexity and the "
        "reconstruction error, because a collapsed codebook has a rate near zero.",
        "",
        f"{leads}FID rewards memorising at small n: read it with recall and with the nearest-training ratio "
        "(median distance of samples to their nearest training image over that of held-out images: below 1, "
        "samples lie nearer to the training images than held-out images do).",
    ]


def _cell_notes(cells: Sequence[Cell]) -> list[str]:
    notes = []
    alone = [f"`{cell.strategy}`" for cell in cells if cell.done == 1]
    if alone:
        notes.append(f"One seed, hence no interval: {', '.join(alone)}.")
    dropped = [
        f"`{cell.strategy}` {cell.difference(HEADLINE).left_out}"
        for cell in cells
        if cell.difference(HEADLINE).left_out
    ]
    if dropped:
        notes.append(f"Planned seeds without a pair, left out of both arms: {', '.join(dropped)}.")
    return [" ".join(notes), ""] if notes else []


def _figure_lines(captions: Sequence[Caption], notes: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for caption in captions:
        path = f"figures/{caption.stem}"
        lines += [
            f"![{caption.text.split('.')[0]}]({path}.png)",
            "",
            f"{caption.text} ([SVG]({path}.svg), [PDF]({path}.pdf))",
            "",
        ]
    return lines + [f"- {note}" for note in notes]


def reproduce_lines(comparison: SuiteComparison) -> list[str]:
    suite = comparison.suite
    found = commits(comparison)
    checkout = [f"git checkout {found[0].removesuffix('-dirty')}"] if len(found) == 1 else []
    if checkout and found[0].endswith("-dirty"):
        checkout.append("# the records were made with uncommitted changes on top of this commit")
    if len(found) > 1:
        checkout = [f"# the records come from {len(found)} commits, listed above"]
    command = [suite.command] if suite.command else []
    return ["```sh", *checkout, *command, f"bench report {suite.name}", "```"]
