"""`bench run` as a user meets it: Ray and serial agree, nothing runs twice, mistakes are two lines."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


def bench(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmark.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def records(runs: Path) -> dict[str, dict[str, Any]]:
    return {p.stem: json.loads(p.read_text()) for p in (runs / "records").glob("*.json")}


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    # which of two trials trained the shared auto-encoder is a matter of who came first
    drop = {"finished_at", "codes_shared"}
    return {k: v for k, v in record.items() if not k.endswith("_seconds") and k not in drop}


def test_ray_and_serial_leave_the_same_records_and_a_second_run_reruns_nothing(suite_file: Path) -> None:
    cwd = suite_file.parent
    ray = bench("run", suite_file, "--runs", "ray", cwd=cwd)
    assert ray.returncode == 0, ray.stdout + ray.stderr
    serial = bench("run", suite_file, "--runs", "serial", "--local", cwd=cwd)
    assert serial.returncode == 0, serial.stdout + serial.stderr
    one, other = records(cwd / "ray"), records(cwd / "serial")
    assert len(one) == 2
    assert {k: without_times(v) for k, v in one.items()} == {k: without_times(v) for k, v in other.items()}

    written = {p: p.stat().st_mtime_ns for p in (cwd / "ray" / "records").iterdir()}
    again = bench("run", suite_file, "--runs", "ray", cwd=cwd)
    assert again.returncode == 0
    assert "2 trials, 2 done before, 0 to run" in again.stdout
    assert written == {p: p.stat().st_mtime_ns for p in (cwd / "ray" / "records").iterdir()}

    suite_file.write_text(suite_file.read_text().replace("seeds: [0]", "seeds: [0, 1]"))
    longer = bench("run", suite_file, "--runs", "serial", "--local", cwd=cwd)
    assert "4 trials, 2 done before, 2 to run" in longer.stdout

    report = bench("report", "tiny", "--runs", "serial", cwd=cwd)
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


def test_missing_weights_stop_the_run_before_training(
    suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(suite_file.parent))
    monkeypatch.setenv("HOME", str(suite_file.parent))
    suite_file.write_text(
        suite_file.read_text().replace("evaluation: {", "evaluation: {extractor: inception, ")
    )
    done = bench("run", suite_file, cwd=suite_file.parent)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 2
    assert not (suite_file.parent / "runs").exists()


@pytest.mark.parametrize(
    ("free", "parameters"), [(1000, None), (2**30, 100_000_000)], ids=["full", "too small for the models"]
)
def test_a_full_disk_stops_the_run_before_training(
    suite_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free: int,
    parameters: int | None,
) -> None:
    from benchmark import cli
    from pcvq2 import PCVQ2

    if parameters:
        monkeypatch.setattr(PCVQ2, "parameters_count", parameters)
    usage = shutil.disk_usage(suite_file.parent)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(
        sys, "argv", ["bench", "run", str(suite_file), "--runs", str(suite_file.parent / "runs")]
    )
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "MiB are free" in capsys.readouterr().err
    assert not (suite_file.parent / "runs").exists()


@pytest.mark.parametrize("mode", [["--local"], []], ids=["serial", "ray"])
def test_ctrl_c_gives_130_and_the_same_command_goes_on(suite_file: Path, mode: list[str]) -> None:
    cwd = suite_file.parent
    short = suite_file.read_text()
    suite_file.write_text(short.replace("prior: {steps: 6,", "prior: {steps: 100000,"))
    command = [sys.executable, "-m", "benchmark.cli", "run", str(suite_file), *mode]
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list((cwd / "runs" / "codes").glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "interrupted; the same command goes on where it stopped" in output
    assert not records(cwd / "runs")
    suite_file.write_text(short)
    assert bench("run", suite_file, "--local", cwd=cwd).returncode == 0


def test_under_ray_a_hanging_trial_fails_and_a_failed_one_is_told_apart(suite_file: Path) -> None:
    cwd = suite_file.parent
    (cwd / "mine.py").write_text(
        "import time\nfrom strategies import Strategy\n"
        "class Hangs(Strategy):\n"
        "    def strength(self, progress):\n        return 0.5\n"
        "    def augment(self, images, context):\n"
        "        time.sleep(600 if context.step == 3 else 0)\n"
        "        return super().augment(images, context)\n"
        "class Raises(Hangs):\n"
        "    def augment(self, images, context):\n"
        "        if context.step == 3:\n            raise MemoryError('no room')\n"
        "        return Strategy.augment(self, images, context)\n"
    )
    entries = "name: './mine.py:Hangs', stages: [prior]}\n  - {name: './mine.py:Raises'"
    suite_file.write_text(suite_file.read_text().replace("name: phased", entries))
    done = bench("run", suite_file, "--stall-seconds", 15, "--max-concurrent", 2, cwd=cwd)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Stalled: no step for 15 s" in done.stdout
    assert "MemoryError: no room (take a smaller batch" in done.stdout
    assert "1/3 done, 2 failed" in done.stdout
    found = {record["strategy"]: record for record in records(cwd / "runs").values()}
    assert {name: record["status"] for name, record in found.items()} == {
        "none": "done",
        "Hangs": "failed",
        "Raises": "failed",
    }
    assert "time.sleep" in found["Hangs"]["traceback"]
    for record in found.values():
        assert (cwd / "runs" / "logs" / f"{record['id']}.log").is_file()
