"""Write the main table for a paper: booktabs, and bold only where the seeds support it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.comparing.leaders import supported_best
from benchmark.report.comparing.reference import marginals
from benchmark.report.comparing.significance import contrasts
from benchmark.report.reading.protocol import features_phrase, few_samples, protocol_record
from benchmark.report.reading.scores import MARGINALS_NAME, arrow, score
from benchmark.report.words.formatting import (
    decimals_for,
    decimals_of_differences,
    interval,
    mean_and_half_width,
    spread,
)

_MOST_ROWS = 40  # of a table that has to fit on a page
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "–": "--",
    "★": r"$^\star$",
}


def latex_text(comparison: SuiteComparison) -> str:
    """Return table.tex: one table per dataset, more where one would not fit on a page."""
    lines = ["% Written by bench report. Needs \\usepackage{booktabs}; read it in with \\input{table}."]
    for dataset in comparison.suite.datasets:
        for budgets in _pages(comparison, dataset):
            lines += ["", *_table(comparison, dataset, budgets)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it stands; characters without an ASCII likeness become '?'."""
    return "".join(_SPECIAL.get(letter) or _ascii(letter) for letter in text)


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"


def _pages(comparison: SuiteComparison, dataset: str) -> list[list[int]]:
    pages: list[list[int]] = []
    rows = _MOST_ROWS
    for budget in comparison.suite.budgets(dataset):
        count = len(comparison.at(dataset, budget)) + 1
        if rows + count > _MOST_ROWS:
            pages.append([])
            rows = 0
        pages[-1].append(budget)
        rows += count
    return pages


def _table(comparison: SuiteComparison, dataset: str, budgets: Sequence[int]) -> list[str]:
    record = protocol_record(comparison.suite, dataset)
    keys = ["kid", "fid"] if few_samples(record) else ["fid", "kid"]
    keys += ["nearest_training_ratio", "recall"]
    cells = [cell for budget in budgets for cell in comparison.at(dataset, budget)]
    keys = [key for key in keys if any(cell.score(key).n for cell in cells)]
    lead = f"{comparison.headline.in_short}{arrow(comparison.headline.better)}"
    headings = ["strategy", "$n$", lead, "difference [95 %]", *(_heading(key) for key in keys)]
    body: list[str] = []
    for place, budget in enumerate(budgets):
        body += ["\\midrule"] if place else []
        body += _block(comparison, comparison.at(dataset, budget), budget, keys)
    return [
        "\\begin{table}",
        "  \\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}",
        f"  \\caption{{{_caption(comparison, dataset, cells)}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        "    \\toprule",
        f"    {' & '.join(text if text == '$n$' else escaped(text) for text in headings)} \\\\",
        "    \\midrule",
        *(f"    {line}" for line in body),
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
    ]


def _block(comparison: SuiteComparison, cells: list[Cell], budget: int, keys: list[str]) -> list[str]:
    """Return one budget's rows under a line of their own, independent pixels last where they are known."""
    headline = comparison.headline.key
    starred = {
        c.cell.strategy for c in contrasts(comparison, headline) if c.is_significant and c.cell in cells
    }
    differences = decimals_of_differences(cell.difference(headline) for cell in cells)
    columns = {key: _column(comparison, cells, key) for key in (headline, *keys)}
    lines = [f"\\multicolumn{{{4 + len(keys)}}}{{l}}{{\\emph{{{budget} training images}}}} \\\\"]
    for row, cell in enumerate(cells):
        paired = cell.difference(headline)
        difference = "baseline" if cell.strategy == comparison.suite.baseline else "--"
        if paired.n:
            star = " ★" if cell.strategy in starred else ""
            difference = escaped(interval(paired, differences) + star)
        texts = [columns[key][row] for key in keys]
        entries = [
            f"\\texttt{{{escaped(cell.strategy)}}}",
            str(cell.done),
            columns[headline][row],
            difference,
        ]
        lines.append(f"{' & '.join([*entries, *texts])} \\\\")
    found = marginals(comparison, cells[0].dataset, budget)
    if found.n:
        decimals = decimals_for((cell.score(headline) for cell in cells), headline)
        score_text = escaped(mean_and_half_width(found, decimals))
        entries = [escaped(MARGINALS_NAME), str(found.n), score_text, *["--"] * (1 + len(keys))]
        lines.append(f"{' & '.join(entries)} \\\\")
    return lines


def _column(comparison: SuiteComparison, cells: list[Cell], key: str) -> list[str]:
    decimals = decimals_for((cell.score(key) for cell in cells), key)
    best = supported_best(comparison, cells, key)
    texts = [escaped(mean_and_half_width(cell.score(key), decimals)) for cell in cells]
    return [
        f"\\textbf{{\\boldmath {text}}}" if cell is best else text
        for cell, text in zip(cells, texts, strict=True)
    ]


def _heading(key: str) -> str:
    known = score(key)
    return {"nearest_training_ratio": "near"}.get(key, known.title) + arrow(known.better)


def _caption(comparison: SuiteComparison, dataset: str, cells: list[Cell]) -> str:
    record, key = protocol_record(comparison.suite, dataset), comparison.headline.key
    sentences = (
        f"{dataset}: means over seeds, n = {spread(cell.done for cell in cells)}, ± half a 95 % Student-t "
        f"interval. Difference: paired with {comparison.suite.baseline} by seed, [95 % interval], "
        f"n = {spread(cell.difference(key).n for cell in cells if cell.difference(key).n)} pairs. "
        "Bold: the best mean, where its paired 95 % interval against every other strategy excludes zero. "
        "★: sign-flip p, Holm-corrected over the suite, at most 0.05. "
        f"Features: {features_phrase(record)}. near: distance of samples to the nearest training image "
        "over that of held-out images."
    )
    return escaped(sentences)
