"""`bench run` as a user meets it: Ray and serial agree, nothing runs twice, mistakes are two lines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from one_ray_run import GOOD, STALL, RayRun
from running_bench import bench, bench_alone, deterministic, records

ONLY_GOOD = [word for name in GOOD for word in ("--only", f"strategy={name}")]


def times_written(runs: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (runs / "records").iterdir()}


@pytest.mark.xdist_group("ray")
def test_ray_and_serial_leave_the_same_records_and_a_second_run_reruns_nothing(ray_run: RayRun) -> None:
    cwd = ray_run.suite.parent
    options = (*ONLY_GOOD, "--local", "--runs", "serial")
    serial = bench_alone("run", ray_run.suite, *options, cwd=cwd, python=ray_run.python)
    assert serial.returncode == 0, serial.stdout + serial.stderr
    one = {key: record for key, record in records(ray_run.runs).items() if record["strategy"] in GOOD}
    other = records(cwd / "serial")
    assert len(one) == 3
    assert {k: deterministic(v) for k, v in one.items()} == {k: deterministic(v) for k, v in other.items()}

    written = times_written(ray_run.runs)
    again = bench_alone("run", ray_run.suite, *ONLY_GOOD, cwd=cwd, python=ray_run.python)
    assert again.returncode == 0
    assert "3 trials, 3 done before, 0 to run" in again.stdout
    assert written == times_written(ray_run.runs)


def test_a_longer_suite_runs_what_is_new_and_its_report_lies_where_it_was_asked_for(
    finished: Path, suite_file: Path
) -> None:
    without_manifest = shutil.ignore_patterns("suites")  # which is of a suite that lies elsewhere
    shutil.copytree(finished / "runs", suite_file.with_name("runs"), ignore=without_manifest)
    suite_file.write_text(suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1]"))
    cwd = suite_file.parent
    longer = bench("run", suite_file, "--local", cwd=cwd)
    assert "4 trials, 2 done before, 2 to run" in longer.stdout
    report = bench("report", "tiny", cwd=cwd)
    assert report.returncode == 0, report.stderr
    assert (cwd / "reports" / "tiny" / "README.md").is_file()
    assert (cwd / "reports" / "tiny" / "table.csv").is_file()


def test_a_failed_trial_gives_exit_code_1_and_is_tried_again(suite_file: Path) -> None:
    cwd = suite_file.parent
    (cwd / "mine.py").write_text(
        "from pathlib import Path\nfrom strategies import Strategy\n"
        "class Mine(Strategy):\n"
        "    def strength(self, progress):\n        return 0.5\n"
        "    def augment(self, images, context):\n"
        f"        if context.step and not Path({str(cwd / 'mended')!r}).exists():\n"
        "            raise RuntimeError('not mended')\n"
        "        return super().augment(images, context)\n"
    )
    suite_file.write_text(suite_file.read_text().replace("name: phased", "name: ./mine.py:Mine"))
    first = bench("run", suite_file, "--local", cwd=cwd)
    assert first.returncode == 1
    assert "RuntimeError: not mended" in first.stdout
    report = bench("report", "tiny", cwd=cwd)
    assert "not mended" in (cwd / "reports" / "tiny" / "README.md").read_text(), report.stderr
    (cwd / "mended").touch()
    second = bench("run", suite_file, "--local", cwd=cwd)
    assert second.returncode == 0
    assert "1 done before, 1 to run" in second.stdout


def test_bad_input_is_two_lines_and_exit_code_2(suite_file: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("phased", "phazed"))
    done = bench("run", suite_file, cwd=suite_file.parent)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2
    assert f"{suite_file}:7: strategy 'phazed' is unknown" in done.stderr
    assert not (suite_file.parent / "runs").exists()
    assert bench("report", "nothing", cwd=suite_file.parent).returncode == 2


def test_missing_weights_stop_the_run_before_training(suite_file: Path) -> None:
    nowhere = dict.fromkeys(("BENCH_WEIGHTS", "HOME"), str(suite_file.parent))
    suite_file.write_text(
        suite_file.read_text().replace("evaluation: {", "evaluation: {extractor: inception, ")
    )
    done = bench("run", suite_file, cwd=suite_file.parent, environment=nowhere)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 2
    assert not (suite_file.parent / "runs").exists()


@pytest.mark.parametrize(
    ("free", "parameters"), [(1000, None), (2**30, 100_000_000)], ids=["full", "too small for the models"]
)
def test_a_full_disk_stops_the_run_before_training(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch, free: int, parameters: int | None
) -> None:
    from pcvq2 import PCVQ2

    if parameters:
        monkeypatch.setattr(PCVQ2, "parameters_count", parameters)
    usage = shutil.disk_usage(suite_file.parent)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    done = bench("run", suite_file, cwd=suite_file.parent)
    assert done.returncode == 2
    assert "MiB are free" in done.stderr
    assert not (suite_file.parent / "runs").exists()


@pytest.mark.xdist_group("ray")
def test_under_ray_a_hanging_trial_fails_and_a_failed_one_is_told_apart(ray_run: RayRun) -> None:
    assert ray_run.code == 1, ray_run.said
    assert f"Stalled: no step for {STALL} s" in ray_run.said
    assert "MemoryError: no room (take a smaller batch" in ray_run.said
    assert "3/5 done, 2 failed" in ray_run.said
    found = {record["strategy"]: record for record in records(ray_run.runs).values()}
    states = dict.fromkeys(GOOD, "done") | {"Hangs": "failed", "Raises": "failed"}
    assert {name: record["status"] for name, record in found.items()} == states
    assert "time.sleep" in found["Hangs"]["traceback"]
    for record in found.values():
        assert (ray_run.runs / "logs" / f"{record['id']}.log").is_file()


@pytest.mark.xdist_group("ray")
def test_plugins_of_all_kinds_run_in_rays_workers(ray_run: RayRun) -> None:
    assert {record["extractor"] for record in records(ray_run.runs).values() if "extractor" in record} == {
        "Means"
    }
    record = ray_run.record("sawtooth")
    assert record["extractor"] == "Means"
    assert record["fid"] > 0
    assert record["trial"]["strategy"]["parameters"] == {"teeth": 2}
    assert 0 < record["mean_strength"] < 1
