"""The report as a whole: what it reads, refuses, counts, says and writes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmark.errors import UserError
from benchmark.report import ReportSummary, print_table, rendering, sample_grid, write_report
from benchmark.report.budget_figure import budget_figure
from benchmark.report.loading import load_suite
from benchmark.report.protocol import refuse_mixed_protocols
from benchmark.report.readme import readme_text
from benchmark.report.statistics import Comparison, compare
from benchmark.report.style import drawn_budgets, rendered, rows_phrase, strategy_styles, styled
from benchmark.report.tables import csv_text

Record = dict[str, Any]
Change = Callable[[Record], Record | None]
EFFECT = {"none": 0.0, "phased": -0.3, "constant": 0.2}
NOISE = (0.010, -0.004, 0.002)


def record_of(dataset: str, budget: int, strategy: str, seed: int) -> Record:
    """Make a plausible finished record."""
    bits = 3.0 + 0.1 * seed + EFFECT[strategy] + (NOISE[seed % 3] if strategy != "none" else 0.0)
    steps = [0, 50, 100, 150, 200]
    rate = [2.0, 1.4, 1.0, 0.9, 0.95]
    return {
        "schema_version": 1,
        "id": hashlib.sha256(f"{dataset} {budget} {strategy} {seed}".encode()).hexdigest()[:16],
        "status": "done",
        "dataset": dataset,
        "dataset_fingerprint": "d1",
        "budget": budget,
        "strategy": strategy,
        "strategy_class": strategy.title(),
        "seed": seed,
        "trial": {"strategy": {"name": strategy}, "training": {"prior_steps": 200}},
        "extractor": "random",
        "extractor_fingerprint": "e1",
        "samples": 500,
        "references": 300,
        "fid": {"none": 0.05, "phased": 0.08, "constant": 0.4}[strategy] + 0.001 * seed,
        "kid": 0.01 + 0.001 * seed,
        "precision": 0.7,
        "recall": {"none": 0.4, "phased": 0.8, "constant": 0.7}[strategy],
        "nearest_training_ratio": {"none": 0.6, "phased": 0.95, "constant": 1.1}[strategy],
        "rfid": 0.02,
        "bpd_heldout": bits,
        "bpd_train": bits - 0.5,
        "bpd_gap": 0.5,
        "perplexity_top": 20.0,
        "perplexity_bottom": 40.0,
        "reconstruction_mse": 0.003,
        "codes_shared": True,
        "parameters": 1000,
        "prior_steps": 200,
        "selected_step": 200,
        "images_seen": 6400,
        "validation_images": 0,
        "wall_seconds": 30.0,
        "curve_step": steps,
        "curve_strength": [0.0] * 5,
        "curve_rate_train_bpd": rate,
        "curve_rate_heldout_bpd": [value + 0.1 for value in rate],
        "versions": {"torch": "2.9.0"},
        "device": "cpu",
        "cpu_threads": 1,
        "hardware": "test",
        "git_commit": "abc123",
    }


def write_suite(
    root: Path,
    *,
    strategies: Sequence[str] = ("none", "phased"),
    seeds: Iterable[int] = (0, 1, 2),
    budgets: Iterable[int] = (60,),
    change: Change = lambda record: record,
    backwards: bool = False,
) -> Path:
    """Write a manifest and its records; `change` edits a record or drops it by returning None."""
    planned = [
        record_of("digits", b, strategy, seed) for b in budgets for strategy in strategies for seed in seeds
    ]
    (root / "records").mkdir(parents=True)
    for record in reversed(planned) if backwards else planned:
        changed = change(dict(record))
        if changed is not None:
            (root / "records" / f"{record['id']}.json").write_text(json.dumps(changed))
    keys = ("id", "dataset", "budget", "strategy", "seed")
    manifest = {
        "suite": "tiny",
        "source": "suites/tiny.yaml",
        "baseline": "none",
        "command": "bench run suites/tiny.yaml",
        "augmentation_space": {"rotation": 30.0},
        "trials": [{key: record[key] for key in keys} for record in planned],
    }
    path = root / "suites" / "tiny.json"
    path.parent.mkdir()
    path.write_text(json.dumps(manifest))
    return path


def compared(manifest: Path) -> Comparison:
    suite = load_suite(manifest, manifest.parent.parent)
    refuse_mixed_protocols(suite)
    return compare(suite)


def readme_of(manifest: Path) -> str:
    return readme_text(compared(manifest), [])


def rows_of(comparison: Comparison) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(comparison))))


def only(**match: object) -> Callable[[Record], bool]:
    return lambda record: all(record[key] == value for key, value in match.items())


def failing(record: Record) -> Record:
    return {
        **{k: record[k] for k in ("schema_version", "id")},
        "status": "failed",
        "reason": "loss is nan\nat 3",
    }


def refusal(manifest: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        compared(manifest)
    assert len(str(caught.value).splitlines()) == 2
    return caught.value


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


def test_table_has_the_statistics_of_the_records(tmp_path: Path) -> None:
    none, phased = rows_of(compared(write_suite(tmp_path)))
    assert none["strategy"] == "none"
    assert none["bpd_heldout_diff_mean"] == ""
    assert phased["bpd_heldout_n"] == phased["bpd_heldout_n_pairs"] == "3"
    # the seeds' own spread (0.1) cancels: differences are -0.3 + (0.010, -0.004, 0.002)
    mean, deviation = -0.3 + 0.008 / 3, np.std(NOISE, ddof=1)
    assert float(phased["bpd_heldout_diff_mean"]) == pytest.approx(mean)
    half = 4.302653 * deviation / math.sqrt(3)
    assert float(phased["bpd_heldout_diff_low"]) == pytest.approx(mean - half, abs=1e-6)


def test_order_of_records_does_not_change_a_byte(tmp_path: Path) -> None:
    texts = []
    for name, backwards in (("a", False), ("b", True)):
        comparison = compared(write_suite(tmp_path / name, budgets=(60, 300), backwards=backwards))
        texts.append((readme_text(comparison, []), csv_text(comparison)))
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


def test_missing_pairs_are_dropped_from_both_arms(tmp_path: Path) -> None:
    lone = only(strategy="none", seed=2)
    manifest = write_suite(tmp_path, change=lambda record: None if lone(record) else record)
    none, phased = rows_of(compared(manifest))
    assert (none["bpd_heldout_n"], phased["bpd_heldout_n"]) == ("2", "3")
    assert (phased["bpd_heldout_n_pairs"], phased["bpd_heldout_n_unpaired"]) == ("2", "1")
    assert float(phased["bpd_heldout_diff_mean"]) == pytest.approx(-0.3 + 0.003)
    text = readme_of(manifest)
    assert "Planned seeds without a pair, left out of both arms: `phased` 1." in text
    assert "trust paired differences" in text


def test_one_seed_has_no_interval_and_the_report_says_so(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, seeds=(0,))
    text = readme_of(manifest)
    assert "One seed, hence no interval: `none`, `phased`." in text
    assert "(1 pair, no interval)" in text
    assert "±" not in text.split("## Results")[1].split("#### ")[1].split("## Figures")[0]
    assert rows_of(compared(manifest))[1]["bpd_heldout_low"] == ""


def test_nothing_done_is_refused_in_two_lines(tmp_path: Path) -> None:
    failed = write_suite(tmp_path / "a", change=lambda record: failing(record) if record["seed"] else None)
    error = refusal(failed)
    assert "none of the 6 trials is done" in error.message
    assert error.hint.startswith("4 failed (4 times: loss is nan at 3), 2 without a record")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("extractor", "inception"),
        ("extractor_fingerprint", "e2"),
        ("samples", 2000),
        ("dataset_fingerprint", "d2"),
        ("schema_version", 0),
    ],
)
def test_mixed_protocols_are_refused_by_name(tmp_path: Path, field: str, value: object) -> None:
    odd = only(strategy="phased", seed=1)
    manifest = write_suite(
        tmp_path, change=lambda record: {**record, field: value} if odd(record) else record
    )
    message = refusal(manifest).message
    assert f"differ in {field}" in message
    assert json.dumps(value) in message
    assert "phased, seed 1" in message


def test_newer_records_are_named_and_the_others_shown(tmp_path: Path) -> None:
    odd = only(strategy="phased", seed=1)
    newer = {"schema_version": 2}
    text = readme_of(write_suite(tmp_path / "one", change=lambda r: r | (newer if odd(r) else {})))
    assert "its schema_version 2 is newer than 1, the newest this version reads" in text
    assert "1 failed and 0 missing trials give no number (pairs left out of both arms for it: 1)" in text
    everything = refusal(write_suite(tmp_path / "all", change=lambda record: record | newer))
    assert "6 failed (6 times: its schema_version 2 is newer" in everything.hint


def test_one_seed_one_strategy_and_no_baseline_say_what_is_missing_and_what_is_shown(tmp_path: Path) -> None:
    one_seed = readme_of(write_suite(tmp_path / "seed", seeds=[0]))
    assert "No interval for any cell of the tables: one seed each." in one_seed
    one_strategy = readme_of(write_suite(tmp_path / "strategy", strategies=["phased"]))
    assert (
        "No comparison: only `phased` has finished trials. Its scores and curves are shown." in one_strategy
    )
    lone = readme_of(write_suite(tmp_path / "lone", strategies=["phased", "constant"]))
    assert "the baseline `none` has no finished trial. Means are shown, unpaired." in lone
    assert "No worth in images for digits: one budget gives no curve" in lone
    whole = readme_of(write_suite(tmp_path / "whole", budgets=(60, 300)))
    assert "cannot show" not in whole


def test_all_failed_says_why_and_how_often(tmp_path: Path) -> None:
    refused = refusal(write_suite(tmp_path, change=failing))
    assert "none of the 6 trials is done" in refused.message
    assert "6 times: loss is nan at 3" in refused.hint


def test_a_headline_that_is_nan_everywhere_leaves_the_rest(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, change=lambda record: {**record, "bpd_heldout": math.nan}))
    assert "6 of 6 finished trials have no finite held-out bits/dim" in text
    assert "| KID (random, N = 500) ↓ |" in text


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


def test_a_record_of_another_trial_is_refused(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, change=lambda record: {**record, "budget": 61})
    assert "budget is 61, the manifest says 60" in refusal(manifest).message


def test_absent_and_broken_manifests_are_refused(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path)
    assert "Suites already run: tiny." in refusal(manifest.with_name("other.json")).hint
    manifest.write_text("{")
    assert "not readable as JSON" in refusal(manifest).message
    manifest.write_text('{"trials": [{"id": "a"}]}')
    assert "trial 0 is malformed" in refusal(manifest).message


def test_an_unreadable_record_counts_as_failed(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path)
    next((tmp_path / "records").iterdir()).write_text('{"status": "do')
    assert compared(manifest).suite.count("failed") == 1


def test_scores_that_are_not_numbers_are_left_out_and_explained(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        if record["strategy"] == "phased":
            record |= {"fid": [None, math.nan, 0.08][record["seed"]], "recall": None}
            if record["seed"] == 0:
                record["fid_null_reason"] = "too few samples"
        return record

    manifest = write_suite(tmp_path, change=change)
    phased = rows_of(compared(manifest))[1]
    assert (phased["fid_n"], phased["fid_n_pairs"], phased["fid_n_unpaired"]) == ("1", "1", "2")
    assert (phased["recall_n"], phased["recall_mean"]) == ("0", "")
    text = readme_of(manifest)
    assert "| 0.0800 (n = 1) |" in text
    assert "`fid` in 1: too few samples (digits, 60 images, phased, seed 0" in text
    assert "nan" not in text.lower().split("## protocol")[0]


def test_custom_scores_need_no_code(tmp_path: Path) -> None:
    manifest = write_suite(tmp_path, change=lambda record: {**record, "leaked_flips": 0.25})
    assert rows_of(compared(manifest))[1]["leaked_flips_diff_mean"] == "0"
    text = readme_of(manifest)
    assert "scores added by plugins" in text
    assert "| `leaked_flips` |" in text


def test_answer_names_the_leader_and_warns_of_memorising(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, strategies=("none", "phased", "constant")))
    answer = text.split("## Answer")[1].split("## Results")[0]
    assert "lowest mean held-out bits/dim for `phased`" in answer
    assert "an interval that excludes zero" in answer
    assert "wholly above zero for `constant`" in answer
    assert "lowest mean FID for `none`" in answer
    assert "pattern of memorising" in answer
    assert "(n = 3)" in answer
    assert "about 0.1 would be expected to exclude zero" in answer


def test_answer_does_not_order_what_the_seeds_do_not_settle(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        if record["strategy"] == "phased":
            record["bpd_heldout"] = 3.0 + 0.1 * record["seed"] + (-0.3, 0.2, 0.05)[record["seed"]]
        return record

    answer = readme_of(write_suite(tmp_path, change=change)).split("## Results")[0]
    assert "these seeds do not settle the order of the two" in answer
    assert "excludes zero" not in answer.split("*How to read this.*")[0]


def test_unfinished_training_is_pointed_out(tmp_path: Path) -> None:
    falling = {"curve_rate_heldout_bpd": [2.0, 1.5, 1.2, 1.1, 1.05]}
    text = readme_of(write_suite(tmp_path, change=lambda record: record | falling))
    assert "Still improving: in every seed of `none` (n = 3) and `phased` (n = 3)" in text


def test_fid_leads_only_with_many_samples_and_always_beside_the_ratio(tmp_path: Path) -> None:
    few = readme_of(write_suite(tmp_path / "few"))
    many = readme_of(write_suite(tmp_path / "many", change=lambda record: {**record, "samples": 5000}))
    assert "| KID (random, N = 500) ↓ | FID (random, N = 500) ↓ | nearest-training ratio |" in few
    assert "| FID (random, N = 5000) ↓ | nearest-training ratio | KID (random, N = 5000) ↓ |" in many
    assert "KID leads" in few
    assert "KID leads" not in many


def test_a_suite_without_its_baseline_still_reports(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, strategies=("phased", "constant")))
    assert "No pairs with the baseline `none`." in text


def test_strategies_keep_their_looks_when_others_are_added() -> None:
    few, many = strategy_styles(["a", "b"]), strategy_styles(["a", "b", *map(str, range(60))])
    assert few["b"] == many["b"]
    assert len({(style.color, style.marker) for style in many.values()}) == len(many)


def test_importing_the_report_imports_neither_torch_nor_ray() -> None:
    root = Path(__file__).parents[2]
    unwanted = "{'torch', 'ray', 'pcvq2', 'strategies', 'matplotlib.pyplot'}"
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


def test_paired_section_counts_wins_and_gives_three_seeds_no_star(tmp_path: Path) -> None:
    text = readme_of(write_suite(tmp_path, strategies=("none", "phased", "constant")))
    section = text.split("## Paired comparisons")[1].split("## Data efficiency")[0]
    assert "No stars: with 3 pairs no p-value can be below 0.25" in section
    assert "| 60 | `phased` | −0.297 [−0.315, −0.280] | 3 | 3/0/0 | 0.25 | 0.5 |" in section
    assert "| 60 | `constant` | +0.203 [+0.185, +0.220] | 3 | 0/0/3 | 0.25 | 0.5 |" in section
    assert "★" not in section


def test_enough_seeds_earn_a_star(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        record["bpd_heldout"] = 3.0 + 0.1 * record["seed"] - 0.3 * (record["strategy"] == "phased")
        return record

    manifest = write_suite(tmp_path, seeds=range(8), change=change)
    row = rows_of(compared(manifest))[1]
    assert float(row["bpd_heldout_p"]) == pytest.approx(2 / 2**8)
    assert (row["bpd_heldout_pairs_lower"], row["bpd_heldout_pairs_higher"]) == ("8", "0")
    assert "−0.300 [−0.300, −0.300] ★" in readme_of(manifest)


def test_a_seed_without_a_pair_enters_no_test(tmp_path: Path) -> None:
    def lacking(record: Record) -> Record:
        return record | ({"bpd_heldout": None} if only(strategy="none", seed=2)(record) else {})

    row = rows_of(compared(write_suite(tmp_path, change=lacking)))[1]
    assert (row["bpd_heldout_n_pairs"], row["bpd_heldout_n_unpaired"]) == ("2", "1")
    assert (row["bpd_heldout_p"], row["bpd_heldout_pairs_lower"]) == ("0.5", "2")


def test_leaks_copies_and_floors_are_shown_where_records_hold_them(tmp_path: Path) -> None:
    added = {
        "leak_x_flip": 0.4,
        "leak_x_flip_low": 0.3,
        "leak_x_flip_high": 0.5,
        "copying_z": -3.2,
        "fid_floor": 0.01,
    }
    text = readme_of(write_suite(tmp_path, change=lambda record: record | added))
    section = text.split("## Leakage and memorisation")[1].split("## Figures")[0]
    assert "| images | strategy | n | leakage of x flip |" in section
    assert "| 60 | `phased` | 3 | 0.400 ± 0.000 |" in section
    assert "−3.20 ± 0.00 |" in section
    assert "how low a distance can get" in section
    assert "leak_x_flip_low" not in text.split("## Protocol")[0]


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
