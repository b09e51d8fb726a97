"""Write and print the comparison of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmark.report.files import write_whole
from benchmark.report.formatting import (
    decimals_for,
    decimals_of_differences,
    interval,
    mean_and_half_width,
)
from benchmark.report.paired_section import p_text
from benchmark.report.scores import HEADLINE, score
from benchmark.report.tables import Column, markdown
from benchmark.report.two_runs import Pairing, TwoRuns

_SHOWN = (HEADLINE, "kid", "fid", "recall", "nearest_training_ratio")


def write_two_runs(runs: TwoRuns, output: Path) -> Path:
    """Write README.md (main scores) and table.csv (every tested score); return the README."""
    table = pd.DataFrame([_fields(pairing) for pairing in runs.pairings])
    text = table.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    write_whole(output / "table.csv", text.encode())
    return write_whole(output / "README.md", two_runs_text(runs).encode())


def two_runs_text(runs: TwoRuns) -> str:
    """Return the page: what differs in the scores, then in the circumstances."""
    lines = [f"# {runs.first.name}: two runs", "", *_verdict(runs), ""]
    for key in _SHOWN:
        if found := runs.of(key):
            lines += [f"## {score(key).title}", "", *markdown(_columns(found)), ""]
    lines += ["## Circumstances that differ", ""]
    if runs.circumstances:
        what, first, second = zip(*runs.circumstances, strict=True)
        rows = [("what", list(what)), ("first", _code(first)), ("second", _code(second))]
        lines += markdown(rows, words=True)
    else:
        lines += ["None is recorded: hardware, code, versions and settings are the same."]
    lines += ["", "## Trials done in one run only", ""]
    lines += [f"- {name}" for name in runs.only_in_one] or ["None."]
    return "\n".join(lines) + "\n"


def print_two_runs(runs: TwoRuns, console: Console) -> None:
    """Print the headline's table and the verdict."""
    table = Table(
        title=f"{score(HEADLINE).title}: second - first",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
    )
    names = ("images", "strategy", "first", "second", "difference [95 %]", "pairs", "identical")
    for name in names:
        is_name = name == "strategy"
        table.add_column(escape(name), justify="left" if is_name else "right", no_wrap=not is_name)
    columns = dict(_columns(runs.of(HEADLINE)))
    for row in zip(*(columns[name] for name in names), strict=True):
        table.add_row(*(escape(text.strip("`")) for text in row))
    console.print(table)
    for line in _verdict(runs):
        console.print(line, markup=False)


def _verdict(runs: TwoRuns) -> list[str]:
    found = runs.of(HEADLINE)
    pairs = sum(pairing.difference.n for pairing in found)
    same = sum(pairing.identical for pairing in found)
    apart = [
        p for p in found if p.difference.side_of_zero in ("below", "above") and p.identical < p.difference.n
    ]
    sentences = [
        f"First: {runs.names[0]}. Second: {runs.names[1]}. {same} of {pairs} pairs have the same "
        f"{score(HEADLINE).title} to the last bit."
    ]
    if same < pairs:
        named = "; ".join(f"{p.strategy} at {p.budget} ({p.dataset})" for p in apart)
        expected = 0.05 * sum(p.difference.has_interval for p in found)
        sentences.append(
            f"Paired 95 % intervals that exclude zero: {named or 'none'} (without any difference about "
            f"{expected:.1f} would be expected). Smallest Holm-corrected p: "
            f"{p_text(min(p.p_holm for p in found))}."
        )
    return [" ".join(sentences)]


def _columns(found: Sequence[Pairing]) -> list[Column]:
    key = found[0].key if found else HEADLINE
    means = decimals_for([e for p in found for e in (p.first, p.second)], key)
    differences = decimals_of_differences(p.difference for p in found)
    return [
        ("dataset", [p.dataset for p in found]),
        ("images", [str(p.budget) for p in found]),
        ("strategy", [f"`{p.strategy}`" for p in found]),
        ("first", [mean_and_half_width(p.first, means) for p in found]),
        ("second", [mean_and_half_width(p.second, means) for p in found]),
        ("difference [95 %]", [interval(p.difference, differences) for p in found]),
        ("pairs", [str(p.difference.n) for p in found]),
        ("identical", [str(p.identical) for p in found]),
        ("p", [p_text(p.p) for p in found]),
        ("p (Holm)", [p_text(p.p_holm) for p in found]),
    ]


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


def _code(texts: Sequence[str]) -> list[str]:
    return [f"`{text}`" for text in texts]
