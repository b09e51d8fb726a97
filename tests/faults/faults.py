"""Try many faults at random moments and count what they cost: `make faults` (`--kills`, `--seed`).

Trials last about two seconds. After the faults the same command is given again until the suite is done; then
every record must equal the one of an undisturbed run in all that does not depend on time, and every trial
must have ended well exactly once. Prints a table: tried, survived, lost.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image
from rich.console import Console

from benchmark.commands.run import engine_of
from benchmark.data import DatasetSpec, load_dataset
from benchmark.running.run import Options, run_suite
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from pcvq2.prior import Prior

SUITE = """\
datasets: [DATASET]
budgets: [20]
seeds: [0, 1]
strategies: [none, {name: "./mine.py:Mine", label: mine, stages: [codes, prior]}]
augmentation_space: {rotation: 30, shift: 0.15}
model:
  preset: tiny
  vqvae: {hidden: 8, residual_hidden: 4, codes: 8, code_dim: 4}
  prior: {channels: 8, layers: 2, context_layers: 1}
training:
  codes: {steps: 15, batch: 8}
  prior: {steps: 30, batch: 8, evaluations: 2}
evaluation: {metrics: [fid, kid]}
resources: {checkpoint_seconds: 0.2}
"""
# does what the file `fault` beside it says, so that the source, and with it the trial, stays the same
PLUGIN = """\
import time
from pathlib import Path
import torch
from strategies import Strategy, View
class Mine(Strategy):
    def strength(self, progress):
        return 1 - progress
    def augment(self, images, context):
        time.sleep(0.04)
        fault = Path(__file__).with_name("fault")
        what = fault.read_text() if context.stage == "prior" and context.step == 12 and fault.exists() else ""
        if what == "raise":
            raise RuntimeError("a strategy raises at step 12")
        if what == "nan":
            return View(images * float("nan"))
        if what == "hang":
            time.sleep(3600)
        if what == "memory":
            torch.empty(2**46)
        return super().augment(images, context)
"""


DIGITS = "{name: digits, size: 16, heldout: 40}"
OWN_IMAGES = '{name: own, source: "folder:./images", size: 16, heldout: 40}'


@dataclass
class Tally:
    """Count what became of one kind of fault."""

    kind: str
    tried: int = 0
    survived: int = 0
    lost: int = 0
    duplicated: int = 0
    different: int = 0

    def row(self) -> str:
        """Return the row of the table."""
        return (
            f"| {self.kind} | {self.tried} | {self.survived} "
            f"| {self.lost} | {self.duplicated} | {self.different} |"
        )


@dataclass
class Bench:
    """One suite in a folder, and the records of an undisturbed run of it."""

    folder: Path
    random: random.Random
    dataset: str = DIGITS
    whole: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.suite, self.runs, self.fault = (self.folder / n for n in ("suite.yaml", "runs", "fault"))
        self.suite.write_text(SUITE.replace("DATASET", self.dataset))
        (self.folder / "mine.py").write_text(PLUGIN)
        self.run(Store(self.folder / "whole"))
        self.whole = records(self.folder / "whole")

    def run(self, store: Store | None = None, **settings: Any) -> None:
        """Run the suite in this process."""
        console = Console(file=io.StringIO())
        run_suite(
            self.suite,
            store or Store(self.runs),
            console,
            Options(RunSettings(**settings), engine_of(local=True)),
        )

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start `bench run` in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "benchmark.cli", "run", str(self.suite), *options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def settle(self, tally: Tally, tried: int) -> None:
        """Give the same command again until all is done; count what is missing, double or different."""
        self.fault.unlink(missing_ok=True)
        self.run()
        found, store = records(self.runs), Store(self.runs)
        lost = len(self.whole.keys() - found.keys())
        different = sum(found[name] != self.whole[name] for name in self.whole.keys() & found.keys())
        logs = [store.log_path(trial_id).read_text() for trial_id in found]
        duplicated = sum(max(0, log.count(" done in ") - 1) for log in logs)
        tally.tried += tried
        tally.survived += 0 if lost or duplicated or different else tried
        tally.lost, tally.different = tally.lost + lost, tally.different + different
        tally.duplicated += duplicated
        shutil.rmtree(self.runs)


def records(runs: Path) -> dict[str, dict[str, Any]]:
    """Return the good records of a folder by id, without what depends on time or on who came first."""
    drop = {"finished_at", "codes_shared"}
    found = [json.loads(path.read_bytes()) for path in runs.glob("records/*.json")]
    return {
        record["id"]: {k: v for k, v in record.items() if not k.endswith("_seconds") and k not in drop}
        for record in found
        if record["status"] == "done"
    }


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Yield every process below one, with its command line."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            waiting.append(child)
            with contextlib.suppress(OSError):
                yield child, (Path("/proc") / str(child) / "cmdline").read_text().replace("\0", " ")


def kill(pid: int) -> bool:
    """Kill a process the hard way; False when it had gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def wait_for_work(bench: Bench, process: subprocess.Popen[bytes]) -> None:
    """Wait until a trial has begun: a kill while Python or Ray starts proves little."""

    def said() -> int:
        return sum(path.stat().st_size for path in bench.runs.glob("logs/*.log") if path.stem != "ray")

    before = said()
    while process.poll() is None and said() == before:
        time.sleep(0.02)


def kill_drivers(bench: Bench, tally: Tally, kills: int, *options: str) -> None:
    """Kill `bench run` itself."""
    done = 0
    while done < kills:
        process, tried = bench.start(*options), 0
        while process.poll() is None and done < kills:
            wait_for_work(bench, process)
            time.sleep(bench.random.uniform(0, 6))
            if process.poll() is None and kill(process.pid):
                process.wait()
                tried, done = tried + 1, done + 1
                process = bench.start(*options) if done < kills else process
        process.wait()
        if not (bench.runs / "records").exists():
            bench.runs.mkdir(exist_ok=True)
        bench.settle(tally, tried)


def kill_below(bench: Bench, tally: Tally, kills: int, chosen: Callable[[str], bool]) -> None:
    """Kill processes that Ray started below `bench run`."""
    done = 0
    while done < kills:
        process, tried = bench.start(), 0
        while process.poll() is None:
            time.sleep(bench.random.uniform(1.0, 4.0))
            found = [pid for pid, command in descendants(process.pid) if chosen(command)]
            if found and done < kills and kill(bench.random.choice(found)):
                tried, done = tried + 1, done + 1
        bench.runs.mkdir(exist_ok=True)
        bench.settle(tally, tried)


def misbehave(bench: Bench, tally: Tally, tries: int, what: str) -> None:
    """Have the strategy raise, return a nan, hang or want too much memory in the middle of a trial."""
    for _ in range(tries):
        bench.fault.write_text(what)
        bench.run(stall_seconds=10.0)
        assert (
            sum(json.loads(p.read_bytes())["status"] == "failed" for p in bench.runs.glob("records/*")) == 2
        )
        bench.settle(tally, 1)


def lose_the_loss(bench: Bench, tally: Tally, tries: int) -> None:
    """Have the prior's loss become nan at a random step of every trial."""
    real = Prior.loss
    for _ in range(tries):
        left = bench.random.randrange(1, 30)

        def loss(self: Prior, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            return real(self, *arguments) * (1.0 if left > 0 else float("nan"))

        with mock.patch.object(Prior, "loss", loss):
            bench.run()
        assert all(json.loads(p.read_bytes())["status"] == "failed" for p in bench.runs.glob("records/*"))
        bench.settle(tally, 1)


def damage(bench: Bench, tally: Tally, tries: int, pattern: str) -> None:
    """Truncate files or fill them with noise, checkpoints in mid-trial and records at the end."""
    for _ in range(tries):
        bench.fault.write_text("raise")
        bench.run()
        for path in bench.runs.glob(pattern):
            content = path.read_bytes()
            keep = content[: bench.random.randrange(len(content))]
            path.write_bytes(bench.random.choice([keep, bench.random.randbytes(len(content)), b""]))
            if path.suffix == ".json":  # the trial is rightly run again
                log = Store(bench.runs).log_path(path.stem)
                log.write_text(log.read_text().replace(" done in ", " was done, its record is damaged, in "))
        bench.settle(tally, 1)


def fill_disk(bench: Bench, tally: Tally, tries: int) -> None:
    """Fill the disk of runs/ (a small one, mounted for this) at a random moment; free it afterwards."""
    for _ in range(tries):
        bench.runs.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=192m", "none", str(bench.runs)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            bench.runs.rmdir()
            return
        try:
            process = bench.start("--local")
            while process.poll() is None and not (bench.runs / "suites").exists():
                time.sleep(0.1)
            time.sleep(bench.random.uniform(0, 6))
            ballast = bench.runs / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
                while True:
                    stream.write(bytes(2**16))
            process.wait()
            ballast.unlink()
            shutil.copytree(bench.runs, bench.folder / "copy")
        finally:
            subprocess.run(["umount", str(bench.runs)], check=True)
        bench.runs.rmdir()
        (bench.folder / "copy").rename(bench.runs)
        bench.settle(tally, 1)


def two_at_once(bench: Bench, tally: Tally, tries: int) -> None:
    """Give the same command twice at once."""
    for _ in range(tries):
        for process in [bench.start("--local"), bench.start("--local")]:
            process.wait()
        bench.settle(tally, 1)


def spoil_images(bench: Bench, tally: Tally, tries: int) -> None:
    """Overwrite an image of the user's folder with noise after preflight; put it back once the run is over.

    A run that finds it spoilt must refuse it (exit code 2), not train on what is left.
    """
    for _ in range(tries):
        process = bench.start("--local")
        wait_for_work(bench, process)
        time.sleep(bench.random.uniform(0, 4))
        image = bench.random.choice(sorted((bench.folder / "images").rglob("*.png")))
        content = image.read_bytes()
        image.write_bytes(bench.random.randbytes(len(content)))
        process.wait()
        again = bench.start("--local").wait()
        image.write_bytes(content)
        bench.settle(tally, 1)
        if again != 2:
            tally.survived -= 1


def own_images(folder: Path) -> Path:
    """Write 100 digits as images into a folder of the user's own. Returns where the suite goes."""
    digits = load_dataset(DatasetSpec("digits", "digits", size=16, heldout=40))
    (folder / "images").mkdir(parents=True)
    for index, digit in enumerate(digits.train[:100]):
        Image.fromarray(digit[..., 0]).save(folder / "images" / f"{index:03}.png")
    return folder


def clock_back(bench: Bench, tally: Tally, tries: int) -> None:
    """Have the clock of the day jump back by hours, again and again."""
    real = time.time
    for _ in range(tries):
        with mock.patch("time.time") as clock:
            clock.side_effect = lambda: real() - bench.random.uniform(0, 36_000)
            bench.run()
        bench.settle(tally, 1)


def is_worker(command: str) -> bool:
    """Say whether a process runs trials, or serves those that do."""
    return command.startswith("ray::") and "Agent" not in command


def main() -> None:
    """Try everything and print the table; exit code 1 when anything was lost, double or different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=54)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    few = max(1, chosen.kills // 17)  # with Ray, a kill costs half a minute of starting it again
    workers = max(1, chosen.kills // 4)
    locally = max(1, chosen.kills - 2 * few - workers)

    def spoil(b: Bench, t: Tally) -> None:
        spoil_images(b, t, few)

    faults: list[tuple[str, Callable[[Bench, Tally], None]]] = [
        ("SIGKILL of the driver, `--local`", lambda b, t: kill_drivers(b, t, locally, "--local")),
        ("SIGKILL of the driver, Ray", lambda b, t: kill_drivers(b, t, few)),
        ("SIGKILL of a worker", lambda b, t: kill_below(b, t, workers, is_worker)),
        ("SIGKILL of the raylet", lambda b, t: kill_below(b, t, few, lambda c: "/raylet/raylet" in c[:300])),
        ("full disk at a random moment", lambda b, t: fill_disk(b, t, few)),
        ("damaged checkpoint", lambda b, t: damage(b, t, few, "checkpoints/*/prior.checkpoint")),
        ("damaged record", lambda b, t: damage(b, t, few, "records/*.json")),
        ("an image goes bad after preflight", spoil),
        ("two `bench run` at once", lambda b, t: two_at_once(b, t, few)),
        ("strategy raises", lambda b, t: misbehave(b, t, 2, "raise")),
        ("strategy returns nan", lambda b, t: misbehave(b, t, 2, "nan")),
        ("loss is nan", lambda b, t: lose_the_loss(b, t, 2)),
        ("strategy hangs", lambda b, t: misbehave(b, t, 1, "hang")),
        ("strategy wants 256 TiB", lambda b, t: misbehave(b, t, 2, "memory")),
        ("clock moved back", lambda b, t: clock_back(b, t, 2)),
    ]
    print("| fault | tried | survived | trials lost | trials run twice | records that differ |", flush=True)
    print("|:--|--:|--:|--:|--:|--:|", flush=True)
    good = True
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as folder:
        bench = Bench(Path(folder), random.Random(chosen.seed))
        own = Bench(own_images(Path(folder) / "own"), random.Random(chosen.seed), OWN_IMAGES)
        for kind, attempt in faults:
            tally = Tally(kind)
            attempt(own if attempt is spoil else bench, tally)
            good &= tally.tried == tally.survived
            print(tally.row(), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
