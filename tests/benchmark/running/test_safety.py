"""Nothing listens beyond this machine, reports home or unpickles, and no name leaves its folder."""

from __future__ import annotations

import ast
import contextlib
import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def process_tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    tree = [pid]
    for known in tree:
        tree.extend(parents.get(known, []))
    return tree


def listening(pids: list[int]) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Yield the addresses on which processes listen."""
    sockets = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(handle).removeprefix("socket:[").rstrip("]"))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                raw = bytes.fromhex(fields[1].partition(":")[0])
                words = [raw[i : i + 4][::-1] for i in range(0, len(raw), 4)]  # words in this machine's order
                yield ipaddress.ip_address(b"".join(words))


def is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


@pytest.mark.skipif(
    sys.byteorder != "little", reason="reads /proc/net/tcp as little-endian machines write it"
)
def test_under_ray_nothing_listens_beyond_the_loopback_and_nothing_reports_home(suite_file: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("prior: {steps: 6,", "prior: {steps: 100000,"))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", "run", str(suite_file)],
        cwd=suite_file.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 180
        while not list(suite_file.parent.glob("runs/logs/*.log")) or not any(
            "stage codes" in path.read_text() for path in suite_file.parent.glob("runs/logs/*.log")
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        tree = process_tree(process.pid)
        addresses = list(listening(tree))
        assert len(addresses) >= 4  # of Ray's servers
        assert all(map(is_loopback, addresses)), addresses
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in tree if pid != process.pid]
        assert any(b"RAY_USAGE_STATS_ENABLED=0" in environment for environment in environments)
        assert not any(b"RAY_USAGE_STATS_ENABLED=1" in environment for environment in environments)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
    assert process.returncode == 130


def test_no_code_unpickles_or_evaluates_anything() -> None:
    for path in (
        path for package in ("benchmark", "pcvq2", "strategies") for path in (ROOT / package).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & UNSAFE_MODULES, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in UNSAFE_MODULES, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert called not in {"eval", "exec", "yaml.load"}, f"{path}: {called}"
                # published networks are pickles; this loader builds tensors and refuses everything else
                assert called != "torch.load" or keywords.get("weights_only") == "True", path
                assert keywords.get("allow_pickle", "False") == "False", path


def test_names_in_a_suite_do_not_leave_the_folder_of_runs(suite_file: Path) -> None:
    text = suite_file.read_text().replace("name: digits,", "name: '../../evil',")
    suite_file.write_text(text.replace("{name: phased,", "{name: phased, label: '../../../evil',"))
    before = {path for path in suite_file.parent.parent.rglob("*") if path.is_file()}
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.cli", "run", str(suite_file), "--local"],
        cwd=suite_file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = subprocess.run(
        [sys.executable, "-m", "benchmark.cli", "report", suite_file.stem],
        cwd=suite_file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.returncode == 0, report.stderr
    written = {path for path in suite_file.parent.parent.rglob("*") if path.is_file()} - before
    assert written
    own = (suite_file.parent / "runs", suite_file.parent / "reports")
    assert all(any(folder in path.parents for folder in own) for path in written), written
