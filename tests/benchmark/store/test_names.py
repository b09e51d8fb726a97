"""Names are labels: what a suite, a data set or a strategy is called changes no trial and loses no report."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.commands.run import engine_of
from benchmark.commands.tune import TuneOptions, tune_suite
from benchmark.errors import UserError
from benchmark.naming import place_name, suite_name
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.report import write_report
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from benchmark.tuning.result import result_path
from benchmark.tuning.search_plan import Wish, plan_tuning


def run(path: Path, store: Store, *, dry_run: bool = False) -> str:
    """Run a suite here; return what was printed."""
    printed = io.StringIO()
    options = Options(RunSettings(), engine_of(local=True), dry_run=dry_run)
    assert not run_suite(path, store, Console(file=printed, width=200), options)
    return printed.getvalue()


def report_of(path: Path, store: Store) -> str:
    """Write the report of a suite; return its text."""
    output = path.parent / "report"
    write_report(store.find_manifest(suite_name(path)), store.root, output)
    return (output / "README.md").read_text()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("suites/digits.v2.yaml", "digits.v2"),
        ("digits.v2.yml", "digits.v2"),
        ("digits.v2", "digits.v2"),
        ("runs/suites/digits.v2.json", "digits.v2"),
        ("a.YAML", "a"),
        ("yaml", "yaml"),
        ("a.b.c.yaml", "a.b.c"),
    ],
)
def test_only_the_ending_of_a_suite_is_cut(file: str, name: str) -> None:
    assert suite_name(file) == name


@pytest.mark.parametrize(
    ("place", "name"),
    [("cats/v1.0", "v1.0"), ("cats.v1.zip", "cats.v1"), ("a.npz", "a"), ("me/set.v2", "set.v2"), ("", "")],
)
def test_only_the_ending_of_an_archive_is_cut(place: str, name: str) -> None:
    assert place_name(place) == name


def test_a_dot_in_a_suites_name_leads_to_its_own_report(
    suite_file: Path, suite_text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmark.cli import main

    monkeypatch.chdir(suite_file.parent)
    Path("digits.yaml").write_text(suite_text.replace("seeds: [0]", "seeds: [7]"))
    Path("digits.v2.yaml").write_text(suite_text)
    store = Store(Path("runs"))
    run(Path("digits.v2.yaml"), store)
    run(Path("digits.yaml"), store, dry_run=True)
    for arguments in (["run", "digits.v2.yaml", "--local"], ["report", "digits.v2"]):
        monkeypatch.setattr("sys.argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None)
    assert "next: bench report digits.v2\n" in capsys.readouterr().out
    assert Path("reports/digits.v2/README.md").is_file()
    assert not Path("reports/digits").exists()


def test_renaming_reruns_nothing_and_a_report_takes_the_new_names(suite_file: Path, suite_text: str) -> None:
    store = Store(suite_file.parent / "runs")
    run(suite_file, store)
    assert "digits" in report_of(suite_file, store)
    text = suite_text.replace("{name: digits,", "{name: handwriting,")
    text = text.replace("{name: phased,", "{name: phased, label: narrowing,")
    renamed = suite_file.with_name("again.yaml")
    for path in (suite_file, renamed):  # the same file edited, and a file of another name
        path.write_text(text)
        assert "2 trials, 2 done before, 0 to run" in run(path, store)
        told = report_of(path, store)
        assert "handwriting" in told
        assert "narrowing" in told
        assert "| digits" not in told
    assert [record["dataset"] for record in store.records()] == ["digits"] * 2  # as they were written


def test_a_record_of_another_trial_is_still_refused(suite_file: Path) -> None:
    store = Store(suite_file.parent / "runs")
    run(suite_file, store)
    for path in store.record_path("x").parent.glob("*.json"):
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(UserError, match="seed is 1, the manifest says 0"):
        report_of(suite_file, store)


def test_two_suites_of_one_name_are_kept_apart(tmp_path: Path, suite_text: str) -> None:
    for folder, seed in (("a", "[0]"), ("b", "[5]")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.yaml").write_text(suite_text.replace("seeds: [0]", f"seeds: {seed}"))
    ours, theirs, store = tmp_path / "a" / "x.yaml", tmp_path / "b" / "x.yaml", Store(tmp_path / "runs")
    run(ours, store)
    manifest, records = store.find_manifest("x").read_bytes(), sorted(store.root.glob("records/*"))
    for dry_run in (True, False):
        with pytest.raises(UserError) as caught:
            run(theirs, store, dry_run=dry_run)
        first, second = str(caught.value).splitlines()
        assert first.startswith(f"{theirs}: another suite called 'x' was run here: {ours} ")
        assert "another name, which changes no trial" in second
    assert store.find_manifest("x").read_bytes() == manifest
    assert sorted(store.root.glob("records/*")) == records
    run(theirs.rename(theirs.with_name("y.yaml")), store)
    assert [m["suite"] for m in store.manifests()] == ["x", "y"]


def test_a_suite_that_was_edited_moved_or_copied_is_the_same_one(tmp_path: Path, suite_text: str) -> None:
    path, store = tmp_path / "x.yaml", Store(tmp_path / "runs")
    path.write_text(suite_text)
    run(path, store)
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "x.yaml"
    copy.write_text(f"# a copy\n{suite_text}")
    assert "2 done before" in run(copy, store)
    (tmp_path / "link.d").mkdir()
    link = tmp_path / "link.d" / "x.yaml"
    link.symlink_to(copy)
    edited = suite_text.replace("  - {name: phased, stages: [prior]}\n", "")
    copy.write_text(edited)
    assert "1 trials, 1 done before" in run(link, store)
    path.unlink()
    moved = copy.rename(path)
    moved.write_text(suite_text)
    assert "2 done before" in run(moved, store)
    assert len(list(store.manifests())) == 1


def test_a_manifest_from_before_there_were_places_is_no_obstacle(suite_file: Path) -> None:
    store = Store(suite_file.parent / "runs")
    old = {"suite": "tiny", "source": "elsewhere/tiny.yaml", "trials": [{"id": "x"}]}
    store.write_manifest(old)
    store.refuse_namesake({**old, "file": str(suite_file), "trials": []})
    store.manifest_path("tiny").write_text("half a fi")
    store.refuse_namesake({**old, "file": str(suite_file), "trials": []})
    run(suite_file, store)
    written = json.loads(store.find_manifest("tiny").read_text())
    assert {trial["id"] for trial in written["trials"]} == {t.id for t in plan_trials(load_suite(suite_file))}


def test_data_sets_that_differ_after_a_dot_are_two(suite_file: Path, suite_text: str) -> None:
    entry = "- {name: digits, source: digits, size: 16, heldout: 40}"
    suite_file.write_text(suite_text.replace(entry, "- folder:cats/v1.0\n  - folder:cats/v1.1"))
    assert [dataset.name for dataset in load_suite(suite_file).settings.datasets] == ["v1.0", "v1.1"]


def test_a_tuning_of_another_suite_of_that_name_is_not_replaced(tmp_path: Path, suite_text: str) -> None:
    text = suite_text.replace("budgets: [20]", "budgets: [40]")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.yaml").write_text(text)
        text = text.replace("prior: {steps: 6,", "prior: {steps: 7,")
    store, options = Store(tmp_path / "runs"), TuneOptions(Wish("phased", trials=2), engine_of(local=True))
    console = Console(file=io.StringIO())
    assert tune_suite(tmp_path / "a" / "x.yaml", store, console, options)
    (result,) = store.root.glob("tuning/x/*.json")
    before = result.read_bytes()
    with pytest.raises(UserError, match="another suite called 'x' was run here"):
        tune_suite(tmp_path / "b" / "x.yaml", store, console, options)
    assert result.read_bytes() == before
    assert tune_suite(tmp_path / "a" / "x.yaml", store, console, options)


def test_two_labels_do_not_share_a_file_of_results(suite_file: Path, suite_text: str) -> None:
    entries = "".join(f"  - {{name: phased, label: '{label}'}}\n" for label in ("a b", "a_b", "a+b"))
    text = suite_text.replace("  - {name: phased, stages: [prior]}\n", entries)
    suite_file.write_text(text.replace("budgets: [20]", "budgets: [40]"))
    suite, store = load_suite(suite_file), Store(suite_file.parent / "runs")
    paths = [result_path(store, plan_tuning(suite, Wish(label))) for label in ("a b", "a_b", "a+b")]
    assert len(set(paths)) == 3
    assert paths[1].name == "a_b.json"
