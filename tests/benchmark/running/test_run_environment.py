"""What surrounds a run: runs in other containers, another Ray, few cores, folders that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from one_ray_run import RayRun
from running_bench import bench, bench_alone, start

from benchmark import cores
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.running import preflight
from benchmark.running.cluster import ray_folder
from benchmark.running.cluster.ray_folder import place_for_ray
from benchmark.store.store import Store
from benchmark.store.writable import refuse_unwritable
from pcvq2.trainer.scratch import draft_of

HOLDER = """
import sys, time
from pathlib import Path
from benchmark.running.cluster.ray_folder import ray_folder
from pcvq2.trainer.scratch import draft_of
with ray_folder() as folder, draft_of(Path(sys.argv[1]) / "x.json") as draft:
    print(folder, draft, flush=True)
    time.sleep(600)
"""
OTHER = (
    "from benchmark.running.cluster.ray_folder import ray_folder\nwith ray_folder() as folder: print(folder)"
)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def new_namespace(*flags: str) -> tuple[str, ...]:
    """Return the command that gives a process namespaces of its own; skip the test where it may not."""
    command = ("unshare", *flags)
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"this machine grants no namespaces ({' '.join(command)}): nothing was tested")
    return command


def test_two_containers_on_one_folder_leave_each_other_alone(short_folder: Path) -> None:
    inside = new_namespace("--pid", "--fork", "--mount-proc")
    environment = os.environ | {"TMPDIR": str(short_folder)}
    records = short_folder / "runs" / "records"
    records.mkdir(parents=True)
    holder = subprocess.Popen(
        [*inside, sys.executable, "-c", HOLDER, str(records)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    folder, draft = map(Path, holder.stdout.readline().split())
    try:
        for prefix in ((), inside):  # this one, and a third, with process numbers of their own
            other = subprocess.run(
                [*prefix, sys.executable, "-c", OTHER],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            assert Path(other.stdout.strip()) != folder
            assert not Path(other.stdout.strip()).exists()
            Store(records.parent).sweep()
            assert folder.exists()
            assert draft.exists()
    finally:
        subprocess.run(["pkill", "-KILL", "-P", str(holder.pid)], check=False)
        holder.wait()
    subprocess.run([sys.executable, "-c", OTHER], env=environment, capture_output=True, check=True)
    assert not folder.exists()  # nobody holds it any more
    Store(records.parent).sweep()
    assert not draft.exists()


@pytest.mark.xdist_group("ray")
def test_a_ray_of_somebody_else_is_ignored_with_a_line(ray_run: RayRun) -> None:
    assert ray_run.complained.count("\n") == 1, ray_run.complained
    assert "ignored: RAY_ADDRESS, RAY_REDIS_ADDRESS" in ray_run.complained
    assert not any(b"RAY_ADDRESS=10.255" in environment for environment in ray_run.environments)
    assert "3/5 done" in ray_run.said


@pytest.mark.xdist_group("ray")
def test_a_long_temporary_folder_is_passed_over_by_ray(ray_run: RayRun) -> None:
    (long,) = ray_run.suite.parent.glob("x" * 86)
    assert not list(long.glob("bench-ray*"))
    assert "3/5 done" in ray_run.said


def test_a_head_that_takes_calls_and_says_nothing_is_a_user_error_in_time(suite_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        threading.Thread(target=lambda: [deaf.accept() for _ in range(99)], daemon=True).start()
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        before = time.monotonic()
        asked = {address: {}, "auto": {"RAY_ADDRESS": address}}
        processes = {
            named: start(
                *("run", suite_file, "--address", named),
                cwd=suite_file.parent,
                environment=told,
                stderr=subprocess.PIPE,
            )
            for named, told in asked.items()
        }
        for named, process in processes.items():
            _, complained = process.communicate(timeout=180)
            assert process.returncode == 2, complained
            assert complained.count("\n") == 2, complained
            assert f"--address {named}: no Ray cluster answers there" in complained
        assert time.monotonic() - before < 180


def test_a_folder_for_ray_leaves_its_sockets_room(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for length in range(1, 100):
        place = short_folder / ("x" * length)
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        found = place_for_ray()
        socket_path = found / "bench-ray_12345678" / "session_2026-01-01_00-00-00_000000_4194304"
        assert len(os.fsencode(socket_path / "sockets" / "plasma_store")) <= 107
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(ray_folder.os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"Ray's sockets have no place there.*\nset TMPDIR to a short path"):
        place_for_ray()


def test_affinity_is_what_is_planned_with(suite_file: Path) -> None:
    if shutil.which("taskset") is None:
        pytest.skip("no taskset")
    code = "from benchmark.cores import usable_cores; print(usable_cores())"
    one = subprocess.run(["taskset", "-c", "0", sys.executable, "-c", code], capture_output=True, check=True)
    assert one.stdout == b"1\n"
    suite_file.write_text(suite_file.read_text() + "resources: {cpus: 2}\n")
    done = bench_alone("run", suite_file, cwd=suite_file.parent, prefix=("taskset", "-c", "0"))
    assert done.returncode == 2
    assert f"{suite_file}:18: a trial takes 2 CPUs\nthis process may use 1" in done.stderr
    assert done.stderr.count("\n") == 2
    assert not (suite_file.parent / "runs").exists()


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/box\n", {"box/cpu.max": "150000 100000\n"}, 1),
        ("0::/box/inner\n", {"box/cpu.max": "300000 100000", "box/inner/cpu.max": "max 100000"}, 3),
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/elsewhere\n", {"cpu.max": "50000 100000"}, 1),  # a container's own root
        ("0::/box\n", {"box/cpu.max": "max 100000"}, 64),
        (
            "4:cpu,cpuacct:/box\n3:memory:/box\n",
            {"cpu,cpuacct/box/cpu.cfs_quota_us": "400000\n", "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n"},
            4,
        ),
        (
            "4:cpu:/box\n",
            {"cpu/box/cpu.cfs_quota_us": "-1\n", "cpu/box/cpu.cfs_period_us": "100000\n"},
            64,
        ),
        ("nonsense", {}, 64),
    ],
)
def test_quotas_of_control_groups_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, files: dict[str, str], expected: int
) -> None:
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    monkeypatch.setattr(cores, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(cores, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(64)))
    assert cores.usable_cores() == expected


def test_nobody_else_counts_cores() -> None:
    root = Path(preflight.__file__).parents[1]
    for package in ("benchmark", "pcvq2", "strategies"):
        for path in (root / package).rglob("*.py"):
            assert "cpu_count" not in path.read_text() or path.name == "cores.py", path


def test_nobody_is_judged_by_a_process_number() -> None:
    root = Path(preflight.__file__).parents[1]
    for package in ("benchmark", "pcvq2", "strategies"):
        for path in (root / package).rglob("*.py"):
            text = path.read_text()
            assert "os.kill(" not in text, path
            assert 'f"/proc/{' not in text, path


def test_a_read_only_runs_folder_stops_the_run_before_training(suite_file: Path) -> None:
    sealed = ("sh", "-c", 'mount -t tmpfs -o ro none sealed && exec "$@"', "sh")
    (suite_file.parent / "sealed").mkdir()
    prefix = (*new_namespace("--mount"), *sealed)
    plan_trials(load_suite(suite_file))
    for options in (["run", suite_file], ["tune", suite_file, "--strategy", "phased"]):
        done = bench_alone(*options, "--local", "--runs", "sealed/runs", cwd=suite_file.parent, prefix=prefix)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Read-only file system" in done.stderr
        assert done.stderr.count("\n") == 2, done.stderr


def test_a_folder_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_unwritable(tmp_path / "runs")
    with draft_of(tmp_path / "x") as held:
        refuse_unwritable(tmp_path)
        assert held.exists()
    assert not list(tmp_path.iterdir())

    def none(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(UserError, match=r"no locks \(Function not implemented\).*\nname a folder on another"):
        refuse_unwritable(tmp_path / "runs")
    monkeypatch.setattr("fcntl.flock", lambda *_: None)  # some network file systems say yes to everybody
    with pytest.raises(UserError, match="they hold nobody off"):
        refuse_unwritable(tmp_path / "runs")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments", [["report", "tiny"], ["preview", "tiny.yaml"], ["selftest"], ["sample", "0" * 16]]
)
def test_results_that_cannot_be_written_are_two_lines_before_the_work(
    suite_file: Path, arguments: list[str], tmp_path: Path, finished: Path
) -> None:
    if arguments[0] == "report":
        arguments = [*arguments, "--runs", str(finished / "runs")]
    (tmp_path / "file").touch()
    done = bench(*arguments, "--output", "file/results", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 2, done.stderr
    assert "file: cannot be written (Not a directory)\nname another folder with --output" in done.stderr
    assert "pass" not in done.stdout  # said before the work, not after


HOMELESS = """
import json, pathlib, sys
def nobody(*_):
    raise RuntimeError("Could not determine home directory.")
pathlib.Path.home = nobody
from benchmark.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["bench", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{arguments}: {end.code}")
"""


def test_a_user_without_a_home_is_served(suite_file: Path) -> None:
    commands = [["list", "extractors"], ["data", "list"], ["doctor"], ["run", "tiny.yaml", "--dry-run"]]
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS, json.dumps(commands)],
        cwd=suite_file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
