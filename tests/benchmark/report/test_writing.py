"""The files a report writes: whole, the same bytes every time, and readable in a narrow terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_records import Record, compared, failing, only, rows_of, write_suite
from rich.console import Console

from benchmark.report import ReportSummary, print_table, write_report
from benchmark.report.figures import rendering
from benchmark.report.figures import samples as sample_grid
from benchmark.report.figures.budgets import budget_figure
from benchmark.report.figures.style import (
    drawn_budgets,
    rendered,
    rows_phrase,
    strategy_styles,
    styled,
)
from benchmark.report.words.frame import table_csv
from benchmark.report.words.readme import readme_text
from benchmark.report.words.section import Contents
from benchmark.report.words.sections import SECTIONS

pytestmark = pytest.mark.xdist_group("report")  # one of them is read by most


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ReportSummary:
    """Write one whole report, figures and all, with a failed and a missing trial."""
    root = tmp_path_factory.mktemp("runs")

    def change(record: Record) -> Record | None:
        if only(strategy="phased", seed=1)(record):
            return None
        return failing(record) if only(strategy="phased", seed=2)(record) else record

    manifest = write_suite(root, change=change)
    for trial in json.loads(manifest.read_text())["trials"]:
        if trial["seed"] == 0:
            folder = root / "artifacts" / trial["id"]
            folder.mkdir(parents=True)
            images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
            np.savez(
                folder / "images.npz",
                samples=images,
                nearest_train=images,
                heldout=images,
                reconstructions=images,
            )
    return write_report(manifest, root, root / "report")


def test_report_writes_every_file_it_names_and_links(report: ReportSummary) -> None:
    assert report.paths[0] == report.readme
    assert all(path.stat().st_size > 0 for path in report.paths)
    text = report.readme.read_text()
    figures = {path.name for path in report.paths if path.parent.name == "figures"}
    assert {
        "digits-budgets.png",
        "digits-strength.svg",
        "digits-learning.png",
        "digits-samples-60.png",
    } <= figures
    assert all(f"(figures/{name})" in text for name in figures)
    drafts = [path for path in report.readme.parent.rglob("*") if path.name.startswith(".")]
    assert not drafts


def test_report_counts_and_names_what_is_unfinished(report: ReportSummary) -> None:
    assert (report.done, report.failed, report.missing) == (4, 1, 1)
    section = report.readme.read_text().split("## Failed and missing trials")[1].split("## Protocol")[0]
    assert "| 1 | missing | no record |" in section.replace("`", "")
    assert "| 2 | failed | loss is nan at 3 |" in section.replace("`", "")


def test_terminal_table_fits_a_hundred_columns(report: ReportSummary) -> None:
    stream = io.StringIO()
    print_table(report, Console(file=stream, width=100))
    lines = stream.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines[:-1]) <= 100
    assert any("phased" in line and "−0.290" in line for line in lines)
    assert "4 done, 1 failed, 1 missing" in stream.getvalue()


@pytest.mark.parametrize("width", [100, 80])
def test_a_narrow_terminal_keeps_strategy_difference_n_and_pairs(report: ReportSummary, width: int) -> None:
    stream = io.StringIO()
    print_table(report, Console(file=stream, width=width))
    header = next(line for line in stream.getvalue().splitlines() if line.strip().startswith("strategy"))
    assert {"strategy", "n", "bits/dim", "pairs", "KID"} <= set(header.split())
    assert ("FID" in header) == ("near" in header) == (width == 100)
    assert any("phased" in line and "−0.290" in line for line in stream.getvalue().splitlines())


def test_order_of_records_does_not_change_a_byte(tmp_path: Path) -> None:
    texts = []
    for name, backwards in (("a", False), ("b", True)):
        comparison = compared(write_suite(tmp_path / name, budgets=(60, 300), backwards=backwards))
        texts.append((readme_text(Contents(comparison), SECTIONS), table_csv(comparison)))
    assert texts[0] == texts[1]


def test_order_of_trials_changes_no_number(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, strategies=("none", "phased", "constant"), budgets=(60, 300))
    before = rows_of(compared(manifest))
    content = json.loads(manifest.read_text())
    content["trials"].reverse()
    manifest.write_text(json.dumps(content))
    after = rows_of(compared(manifest))
    assert sorted(before, key=str) == sorted(after, key=str)


def test_figures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    comparison = compared(write_suite(tmp_path))
    with styled():
        first, second = (rendered(budget_figure(comparison, "digits")) for _ in range(2))
    assert first == second
    assert b"dc:date" not in first["svg"]


def test_images_are_read_for_the_shown_seed_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = compared(write_suite(tmp_path))
    for trial in comparison.suite.records:
        folder = tmp_path / "artifacts" / trial.id
        folder.mkdir(parents=True)
        (folder / "images.npz").touch()
    read: list[str] = []
    monkeypatch.setattr(
        sample_grid, "load_images", lambda runs, trial_id: read.append(trial_id) or {"samples": 0}
    )
    seed, found = sample_grid.grid_images(comparison, tmp_path, "digits", 60)
    assert (seed, list(found), len(read)) == (0, ["none", "phased"], 2)


def test_strategies_keep_their_looks_when_others_are_added() -> None:
    few, many = strategy_styles(["a", "b"]), strategy_styles(["a", "b", *map(str, range(60))])
    assert few["b"] == many["b"]
    assert len({(style.color, style.marker) for style in many.values()}) == len(many)


def test_importing_the_report_imports_neither_torch_nor_ray() -> None:
    root = Path(__file__).parents[3]
    unwanted = "{'torch', 'ray', 'pcvq2.model', 'pcvq2.prior', 'strategies', 'matplotlib.pyplot'}"
    code = f"import sys, benchmark.report; print({unwanted} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_strategy_looks_the_same_in_every_suite_and_no_two_alike() -> None:
    many = ["none", "none-early-stop", "constant", "phased", "adaptive"]
    few = ["none", "mine", "adaptive", "phased", "yours"]
    one, other = strategy_styles(many), strategy_styles(few)
    assert all(one[name] == other[name] for name in set(many) & set(few))
    assert len(set(other.values())) == len(few)
    assert len(set(strategy_styles([f"s{i}" for i in range(60)]).values())) == 60


def test_more_budgets_than_a_page_holds_are_drawn_in_part_and_counted() -> None:
    few, many = [60, 300, 1200], [60 * 2**place for place in range(10)]
    assert drawn_budgets(few) == few
    assert rows_phrase(few) == ""
    assert drawn_budgets(many) == [many[place] for place in (0, 2, 4, 5, 7, 9)]
    assert rows_phrase(many) == "; 6 of 10 budgets"


def test_figures_drawn_by_other_processes_are_the_same_bytes(
    published_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = published_runs / "suites" / "limited_data.json"
    here = write_report(manifest, published_runs, tmp_path / "here")
    monkeypatch.setattr(rendering, "MANY", 0)
    monkeypatch.setattr(rendering.threading, "active_count", lambda: 1)
    monkeypatch.setattr(rendering.os, "cpu_count", lambda: 2)
    forked: list[str] = []
    real = rendering.multiprocessing.get_context
    monkeypatch.setattr(
        rendering.multiprocessing, "get_context", lambda kind: (forked.append(kind), real(kind))[1]
    )
    there = write_report(manifest, published_runs, tmp_path / "there")
    assert forked == ["fork"]
    assert [p.name for p in here.paths] == [p.name for p in there.paths]
    for one, other in zip(here.paths, there.paths, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
