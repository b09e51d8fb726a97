"""`bench report` and `bench power`: what records say (no torch, no Ray)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.options import Runs
from benchmark.naming import file_stems, suite_name
from benchmark.screen import console
from benchmark.store.writable import refuse_unwritable_output


def report(
    suite: Annotated[str, typer.Argument(help="The name of a suite that was run, e.g. limited_data.")],
    other: Annotated[
        str, typer.Argument(help="Compare two runs of a suite: both are runs folders or manifests.")
    ] = "",
    runs: Runs = Path("runs"),
    output: Annotated[Path, typer.Option(help="Where reports/<suite>/ is written.")] = Path("reports"),
) -> None:
    """Turn a suite's records into a page, tables and figures, or compare two runs of it."""
    refuse_unwritable_output(output)
    if other:
        _compare_runs(suite, other, output)
        return
    from benchmark.report.terminal import print_table
    from benchmark.report.writing import write_report
    from benchmark.store.store import Store

    name, screen = suite_name(suite), console(wide=True)
    summary = write_report(Store(runs).find_manifest(name), runs, output / name)
    print_table(summary, screen)
    screen.print(f"report: {output / name / 'index.html'} and README.md beside it", soft_wrap=True)


def _compare_runs(first: str, other: str, output: Path) -> None:
    from benchmark.report.two_runs.compare import compare_runs
    from benchmark.report.two_runs.page import print_two_runs, write_two_runs

    screen, compared = console(wide=True), compare_runs(first, other)
    print_two_runs(compared, screen)
    name = compared.first.name  # from a file that anybody may have written
    readme = write_two_runs(compared, output / f"{file_stems([name])[name]}-two-runs")
    screen.print(f"report: {readme.with_name('index.html')} and README.md beside it", soft_wrap=True)


def power(
    suite: Annotated[str, typer.Argument(help="The name of a suite that was run, e.g. limited_data.")],
    effect: Annotated[
        str, typer.Option(help="A share of the baseline's mean (10%) or a size (0.05).")
    ] = "10%",
    score: Annotated[str, typer.Option(help="A score of its records; the headline unless given.")] = "",
    power: Annotated[float, typer.Option(min=0.05, max=0.999, help="The chance to find it.")] = 0.8,
    runs: Runs = Path("runs"),
) -> None:
    """Say how many seeds it takes to find an effect of a size."""
    from benchmark.report.comparing.comparison import compare
    from benchmark.report.comparing.power import needs, print_needs
    from benchmark.report.reading.loading import load_records
    from benchmark.report.reading.protocol import refuse_mixed_protocols
    from benchmark.store.store import Store

    records = load_records(Store(runs).find_manifest(suite_name(suite)), runs)
    refuse_mixed_protocols(records)
    key = score or records.headline.key
    title = records.score(key).title
    print_needs(needs(compare(records), key, effect, power), title, power, console())
