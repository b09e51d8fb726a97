"""One run under Ray for many questions: a start of Ray takes longer than all that is asked of it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from running_bench import records, start

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# of a cluster that is none of ours; Ray would wait for it for minutes
OTHERS = {"RAY_ADDRESS": "10.255.255.1:6379", "RAY_REDIS_ADDRESS": "x"}
STALL = 10  # seconds; a trial beside others on a busy machine may well take five to the next step
GOOD = ("none", "phased", "sawtooth")
MINE = """\
import time
from pathlib import Path
from strategies import Strategy
class Hangs(Strategy):
    def strength(self, progress):
        return 0.5
    def augment(self, images, context):
        if context.step == 3:
            Path(__file__).with_name("hangs").touch()
            time.sleep(600)
        return super().augment(images, context)
class Raises(Hangs):
    def augment(self, images, context):
        if context.step == 3:
            raise MemoryError("no room")
        return Strategy.augment(self, images, context)
class Means:
    def __call__(self, images):
        return images.mean(axis=(1, 3))
"""
STRATEGIES = """\
  - none
  - {name: phased, stages: [prior]}
  - {name: sawtooth, teeth: 2, stages: [prior]}
  - {name: './mine.py:Hangs', stages: [prior]}
  - {name: './mine.py:Raises', stages: [prior]}
"""


class RayRun(NamedTuple):
    """What was said and left by a run of the good strategies, one that hangs and one that raises."""

    python: Path  # which sees the package of sawtooth
    suite: Path
    code: int
    said: str
    complained: str
    listening: list[Address]  # while it ran
    environments: list[bytes]  # of Ray's processes

    @property
    def runs(self) -> Path:
        return self.suite.parent / "runs"

    def record(self, strategy: str) -> dict[str, Any]:
        (found,) = [record for record in records(self.runs).values() if record["strategy"] == strategy]
        return found


def run_under_ray(folder: Path, suite_text: str, python: Path) -> RayRun:
    """Run the suite, with an extractor of the user's own, and look at Ray's processes meanwhile.

    The temporary folder is too long for Ray's sockets, and the environment tells of somebody else's Ray.
    """
    (folder / "mine.py").write_text(MINE)
    text = suite_text.replace("  - none\n  - {name: phased, stages: [prior]}\n", STRATEGIES)
    suite = folder / "tiny.yaml"
    suite.write_text(text.replace("evaluation: {", "evaluation: {extractor: './mine.py:Means', "))
    long = folder / ("x" * 86)
    long.mkdir()
    with (folder / "stderr").open("w") as complaints:
        process = start(
            *("run", suite, "--stall-seconds", STALL, "--max-concurrent", 2),
            cwd=folder,
            environment={**OTHERS, "TMPDIR": str(long)},
            python=python,
            stderr=complaints,
        )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout or ()))  # nothing may fill the pipe
    reader.start()
    tree, addresses, environments = _seen(process, folder / "hangs")
    code = process.wait(timeout=400)
    reader.join(timeout=60)
    assert tree, said
    complained = (folder / "stderr").read_text()
    return RayRun(python, suite, code, "".join(said), complained, addresses, environments)


def _seen(process: subprocess.Popen[str], sign: Path) -> tuple[list[int], list[Address], list[bytes]]:
    """Wait for a trial to hang; return the processes, where they listen and their environments."""
    deadline = time.monotonic() + 240
    while not sign.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            return [], [], []
        time.sleep(0.1)
    tree, environments = process_tree(process.pid), []
    for pid in tree[1:]:
        with contextlib.suppress(OSError):  # it has ended
            environments.append(Path(f"/proc/{pid}/environ").read_bytes())
    return tree, list(listening(tree)), environments


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


def listening(pids: list[int]) -> Iterator[Address]:
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
