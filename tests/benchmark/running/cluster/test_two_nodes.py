"""A real Ray cluster of two nodes on this machine, the second blind to the driver's disk; it is killed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from PIL import Image
from rich.console import Console

from benchmark.running.cluster.served_store import Depot
from benchmark.running.run import Options, run_suite
from benchmark.running.terms import Terms
from benchmark.store.store import Store

TOKEN = {"RAY_AUTH_TOKEN": "0123456789abcdef" * 4}  # Ray asks for one where one exists
RAY = str(Path(sys.executable).with_name("ray"))
SLOW = """\
import time
from strategies import Strategy
class Slow(Strategy):
    def strength(self, progress):
        return 1 - progress
    def augment(self, images, context):
        time.sleep(0.3)
        return super().augment(images, context)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address_here(), port), timeout=1):
        return True
    return False


def address_here() -> str:
    """Return the address by which Ray calls this machine."""
    return str(ray.util.get_node_ip_address())


def can_hide_folders() -> bool:
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return done.returncode == 0


class Node:
    """One raylet (the first with the cluster's head), in a session and with a scratch folder of its own."""

    def __init__(self, folder: Path, arguments: list[str], hidden: Path | None = None) -> None:
        folder.mkdir()
        self.scratch = Path(tempfile.mkdtemp(prefix="n"))  # short: Ray's sockets lie in there
        command = [RAY, "start", "--block", "--num-cpus=1", "--disable-usage-stats", *arguments]
        if hidden is not None:
            mount = f"mount -t tmpfs none '{hidden}' && exec \"$@\""
            command = ["unshare", "-m", "sh", "-c", mount, "sh", *command]
        environment = os.environ | TOKEN | {"TMPDIR": str(self.scratch), "RAY_AUTH_MODE": "token"}
        self.output = (folder / "output").open("w")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )

    def kill(self) -> None:
        """Kill the raylet and what watches over it; its workers find out by themselves."""
        children = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        for pid in [self.process.pid, *map(int, children.stdout.split())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(timeout=30)
        self.output.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, Node, Path]]:
    """Start two nodes. Yields the address, the second node and the folder that it cannot see."""
    driver = tmp_path / "driver"
    driver.mkdir()
    port = free_port()
    address = f"{address_here()}:{port}"
    head = Node(tmp_path / "one", ["--head", f"--port={port}", "--include-dashboard=false"])
    deadline = time.monotonic() + 90
    while not answers(port) and time.monotonic() < deadline:
        time.sleep(0.5)
    second = Node(tmp_path / "two", [f"--address={address}"], hidden=driver if can_hide_folders() else None)
    try:
        yield address, second, driver
    finally:
        for node in (second, head):
            if node.process.poll() is None:
                node.kill()


def photographs(folder: Path) -> None:
    """Write 80 small grey images, each of its own."""
    folder.mkdir()
    for index in range(80):
        content = io.BytesIO()
        image = Image.new("L", (16, 16), index)
        image.paste(255 - index, (index % 8, index // 10, index % 8 + 5, index // 10 + 5))
        image.save(content, "PNG")
        (folder / f"{index:02}.png").write_bytes(content.getvalue())


def deterministic(record: dict[str, Any]) -> dict[str, Any]:
    drop = {"finished_at", "codes_shared"}
    return {k: v for k, v in record.items() if not k.endswith("_seconds") and k not in drop}


def records(runs: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in (runs / "records").glob("*.json")]
    return {record["id"]: deterministic(record) for record in found}


def test_a_node_is_killed_in_mid_trial_and_every_record_equals_the_single_machine_one(
    cluster: tuple[str, Node, Path], suite_text: str
) -> None:
    address, second, driver = cluster
    photographs(driver / "photographs")
    (driver / "mine.py").write_text(SLOW)
    text = suite_text.replace("{name: digits, source: digits, size: 16, heldout: 40}", "folder:photographs")
    text = text.replace("{name: phased, stages: [prior]}", "{name: './mine.py:Slow', stages: [prior]}")
    text = text.replace("seeds: [0]", "seeds: [0, 1]").replace("prior: {steps: 6,", "prior: {steps: 24,")
    suite = driver / "tiny.yaml"
    suite.write_text(f"{text}resources: {{checkpoint_seconds: 1}}\n")
    with (driver / "output").open("w") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "benchmark.cli", "run", str(suite), "--address", address],
            cwd=driver,
            env=os.environ | TOKEN,
            stdout=output,
            stderr=output,
        )
        deadline = time.monotonic() + 240
        killed = False
        while run.poll() is None and time.monotonic() < deadline:
            logs = second.scratch.glob("bench-node-*/*/logs/*.log")
            if not killed and any("Slow" in (text := log.read_text()) and "prior" in text for log in logs):
                time.sleep(2.5)
                second.kill()
                killed = True
            time.sleep(0.1)
        run.kill()
    said = (driver / "output").read_text()
    assert killed, said
    assert run.returncode == 0, said
    assert "4/4 done" in said

    console = Console(file=io.StringIO())
    run_suite(suite, Store(driver / "whole"), console, Options(Terms(), local=True))
    assert records(driver / "runs") == records(driver / "whole")
    trials = records(driver / "whole")
    for part, name in (("models", "model.safetensors"), ("artifacts", "images.npz")):
        assert {path.parent.name for path in (driver / "runs" / part).glob(f"*/{name}")} == set(trials)
    logs = {path.stem: path.read_text() for path in (driver / "runs" / "logs").glob("*.log")}
    assert set(trials) <= set(logs)
    assert not list((driver / "runs" / "checkpoints").glob("*"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://127.0.0.1:1", "Ray Client addresses are not supported"),
        ("127.0.0.1:1", "no Ray cluster answers there"),
        ("somewhere", "not of the form HOST:PORT"),
    ],
)
def test_an_address_where_nobody_answers_is_a_user_error(
    suite_file: Path, address: str, message: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.cli", "run", str(suite_file), "--address", address],
        cwd=suite_file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2, done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    "name", ["../records/x.json", "/etc/passwd", "records/x.json", "codes", "codes/../../x", "codes\\..\\x"]
)
def test_names_delivered_by_workers_cannot_escape(tmp_path: Path, name: str) -> None:
    depot = Depot(tmp_path / "runs")
    with pytest.raises(ValueError, match="names no file of a run"):
        depot.deliver(name, b"x")
    with pytest.raises(ValueError, match="names no file of a run"):
        depot.read(name)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
