"""A node that cannot see the driver's disk runs plugins of all kinds, with what they import."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import TOKEN, Node, address_here, answers, can_hide_folders, free_port
from running_bench import bench_alone, records

STRATEGY = """\
from strategies import Strategy
from helper_schedule import level


class Mine(Strategy):
    def strength(self, progress):
        return level(progress)
"""
EXTRACTOR = """\
import os
import sys
from helper_features import mean


class Means:
    def __call__(self, images):
        in_a_worker = "ray" in sys.modules and sys.modules["ray"].is_initialized()
        if in_a_worker and os.path.exists(__file__):
            raise RuntimeError(f"{__file__} is seen: the node is not blind")
        return mean(images)
"""


@pytest.fixture
def blind_node(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Start a head without trials and a node that runs them. Yields the address and what that cannot see."""
    if not can_hide_folders():
        pytest.skip("NOT TESTED: that plugins travel to a blind node; `unshare -m` is not to be had here")
    driver = tmp_path / "driver"
    driver.mkdir()
    port = free_port()
    address = f"{address_here()}:{port}"
    arguments = ["--head", f"--port={port}", "--include-dashboard=false", "--num-cpus=0"]
    nodes = [Node(tmp_path / "one", arguments)]
    try:
        deadline = time.monotonic() + 90
        while not answers(port) and time.monotonic() < deadline:
            time.sleep(0.5)
        nodes.append(Node(tmp_path / "two", [f"--address={address}"], hidden=driver))
        yield address, driver
    finally:
        for node in reversed(nodes):
            if node.process.poll() is None:
                node.kill()


def test_plugins_and_what_they_import_run_where_their_files_are_not(
    blind_node: tuple[str, Path], suite_text: str
) -> None:
    address, driver = blind_node
    files = {"strategy": STRATEGY, "extractor": EXTRACTOR}
    files["helper_schedule"] = "def level(p): return 0.75\n"
    files["helper_features"] = "def mean(images): return images.mean(axis=(1, 3))\n"
    for name, text in files.items():
        (driver / f"{name}.py").write_text(text)
    suite = driver / "tiny.yaml"
    text = suite_text.replace("{name: phased, stages", "{name: './strategy.py:Mine', stages")
    text = text.replace("  - none\n", "  - {name: matched, to: './strategy.py:Mine'}\n")
    suite.write_text(
        text.replace("evaluation: {", "evaluation: {extractor: './extractor.py:Means', ") + "baseline: Mine\n"
    )
    done = bench_alone("run", suite, "--address", address, cwd=driver, environment=TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    found = records(driver / "runs").values()
    assert {(r["strategy"], r["status"], r["extractor"], r["mean_strength"]) for r in found} == {
        ("Mine", "done", "Means", 0.75),
        ("matched", "done", "Means", 0.75),
    }
