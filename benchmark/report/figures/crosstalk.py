"""Draw what each leakage probe makes of the other operations: how far a bar of leakage can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.reading.suite_records import SuiteRecords

Crosstalk = Sequence[Sequence[float | None]]


def crosstalk_figure(comparison: SuiteComparison, dataset: str) -> Figure | None:
    """Draw a matrix per dataset: rows are what was done alone, columns what is seen; None without one.

    Probes are trained once per dataset and space, so all records of a dataset hold the same matrix.
    """
    found = _matrix(comparison.suite, dataset)
    if found is None:
        return None
    names, matrix = found
    size = 0.62 * len(names)
    figure = Figure(figsize=(size + 2.6, size + 1.5), layout="constrained")
    axis = figure.subplots()
    values = [[float("nan") if v is None else v for v in row] for row in matrix]
    axis.imshow(values, cmap="RdBu_r", vmin=-1.6, vmax=1.6)
    for row, shown in enumerate(values):
        for column, value in enumerate(shown):
            text = f"{value:.2f}" if value == value else "–"
            dark = abs(value) > 0.9
            axis.text(
                column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black"
            )
    axis.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("leakage seen")
    axis.set_ylabel("done alone, at full strength")
    axis.grid(False)
    axis.spines[["left", "bottom"]].set_visible(False)
    return figure


def _matrix(suite: SuiteRecords, dataset: str) -> tuple[list[str], Crosstalk] | None:
    """Return the probes' operations and their matrix, from the first record that has one."""
    for trial, record in suite.records.items():
        names, matrix = record.get("leak_operations"), record.get("leak_crosstalk")
        if trial.dataset != dataset or not names or not matrix:
            continue
        if any(value is not None for row in matrix for value in row):
            return names, matrix
    return None
