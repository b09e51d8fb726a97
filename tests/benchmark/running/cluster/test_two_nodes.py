"""A real Ray cluster of two nodes on this machine, the second blind to the driver's disk; it is killed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import TOKEN, Node, address_here, answers, can_hide_folders, free_port
from PIL import Image
from rich.console import Console
from running_bench import MODULE, bench, deterministic, records

from benchmark.commands.run import engine_of
from benchmark.running.cluster.served_store import ServedStore
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store

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
            [sys.executable, *MODULE, "run", str(suite), "--address", address],
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
    run_suite(suite, Store(driver / "whole"), console, Options(RunSettings(), engine_of(local=True)))
    here, whole = (
        {key: deterministic(record) for key, record in records(driver / name).items()}
        for name in ("runs", "whole")
    )
    assert here == whole
    trials = whole
    for part, name in (("models", "model.safetensors"), ("artifacts", "images.npz")):
        assert {path.parent.name for path in (driver / "runs" / part).glob(f"*/{name}")} == set(trials)
    logs = {path.stem: path.read_text() for path in (driver / "runs" / "logs").glob("*.log")}
    assert set(trials) <= set(logs)
    assert not list((driver / "runs" / "checkpoints").glob("*"))
    if not can_hide_folders():
        pytest.skip("NOT TESTED: that the second node sees no disk of the driver's; `unshare -m` is refused")


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
    done = bench("run", suite_file, "--address", address, cwd=suite_file.parent)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2, done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    "name", ["../records/x.json", "/etc/passwd", "records/x.json", "codes", "codes/../../x", "codes\\..\\x"]
)
def test_names_delivered_by_workers_cannot_escape(tmp_path: Path, name: str) -> None:
    served = ServedStore(tmp_path / "runs")
    with pytest.raises(ValueError, match="names no file of a run"):
        served.deliver(name, b"x")
    with pytest.raises(ValueError, match="names no file of a run"):
        served.read(name)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
