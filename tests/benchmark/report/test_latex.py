"""table.tex is bold where the seeds support it and a real LaTeX reads it; records.parquet has every key."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from pathlib import Path

import pandas as pd
import pytest

from benchmark.report.comparing.comparison import SuiteComparison, compare
from benchmark.report.latex import escaped, latex_text
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.record_table import parquet_bytes


def published(runs: Path) -> SuiteComparison:
    return compare(load_records(runs / "suites" / "limited_data.json", runs))


def test_bold_only_where_every_paired_interval_excludes_zero(published_runs: Path) -> None:
    rows = [line.split(" & ") for line in latex_text(published(published_runs)).splitlines()]
    bold = [row[0].strip() for row in rows if len(row) > 2 and "textbf" in row[2]]
    # phased leads at 60 and adaptive at 300 against all others; at 1200 adaptive's interval contains zero
    assert bold == ["\\texttt{phased}", "\\texttt{adaptive}"]


def test_caption_carries_n_and_the_meaning_of_bold(published_runs: Path) -> None:
    (caption,) = [line for line in latex_text(published(published_runs)).splitlines() if "caption" in line]
    assert "n = 3" in caption
    assert "n = 3 pairs" in caption
    assert "interval against every other strategy excludes zero" in caption


def test_special_characters_are_printed_as_they_stand() -> None:
    assert escaped("a_b & 50%") == r"a\_b \& 50\%"
    assert escaped("{\\x}~^") == r"\{\textbackslash{}x\}\textasciitilde{}\textasciicircum{}"
    assert escaped("naïve 猫") == "naive ?"


def test_a_real_latex_sets_the_table_without_a_complaint(published_runs: Path, tmp_path: Path) -> None:
    compiler = shutil.which("pdflatex")
    if compiler is None:
        warnings.warn("no pdflatex: table.tex was not compiled", stacklevel=1)
        pytest.skip("no pdflatex: apt-get install texlive-latex-recommended")
    (tmp_path / "table.tex").write_text(latex_text(published(published_runs)))
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\usepackage[margin=15mm]{geometry}"
        "\\begin{document}\\input{table}\\end{document}"
    )
    command = [compiler, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_parquet_has_a_row_per_planned_trial_and_a_typed_column_per_key(
    published_runs: Path, tmp_path: Path
) -> None:
    manifest = json.loads((published_runs / "suites" / "limited_data.json").read_text())
    manifest["trials"].append(
        {"id": "absent", "dataset": "digits", "budget": 60, "strategy": "none", "seed": 9}
    )
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(manifest))
    target = tmp_path / "records.parquet"
    target.write_bytes(parquet_bytes(load_records(path, published_runs)))
    table = pd.read_parquet(target)
    assert len(table) == 46
    record = json.loads((published_runs / "records" / f"{table['id'][0]}.json").read_text())
    assert set(record) <= set(table.columns)
    assert table["bpd_heldout"][0] == record["bpd_heldout"]
    assert table["curve_step"][0].tolist() == record["curve_step"]
    assert json.loads(table["trial"][0]) == record["trial"]
    assert table["status"].tolist() == ["done"] * 45 + ["missing"]
    assert str(table["cpu_threads"].dtype) == "float64"  # whole numbers with a gap, as pandas reads them
