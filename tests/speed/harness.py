"""What the harness costs beside the trials it runs: `python tests/speed/harness.py` prints a table.

1. A suite against the bare loop over the same trials on the same cores (`--trials`, `--seconds`: its size).
2. 1,000 empty trials against the plainest Ray Tune script that runs as many.
3. `bench run` on a finished suite of 10,000 records: seconds, and memory of the driver.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.record import heading

SUITE = """\
datasets: [digits]
budgets: {budgets}
seeds: {seeds}
strategies: [none, {{name: phased, stages: [prior]}}, {{name: constant, stages: [prior]}}]
augmentation_space: {{rotation: 20, shift: 0.1, padding: zeros}}
training:
  codes: {{steps: {codes}}}
  prior: {{steps: {prior}, evaluations: 2}}
evaluation: {{metrics: [fid, kid]}}
"""
PLAIN_TUNE = """\
import os, sys, tempfile
os.environ.update(RAY_USAGE_STATS_ENABLED="0", TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1", RAY_AIR_NEW_OUTPUT="0",
                  TUNE_RESULT_BUFFER_LENGTH="0", RAY_CHDIR_TO_TRIAL_DIR="0")
import ray
from ray import tune
def train(config):
    tune.report({"x": 1})
ray.init(include_dashboard=False, log_to_driver=False)
tune.Tuner(train, param_space={"index": tune.grid_search(list(range(int(sys.argv[1]))))},
    tune_config=tune.TuneConfig(reuse_actors=True),
    run_config=tune.RunConfig(storage_path=tempfile.mkdtemp(), verbose=0)).fit()
"""
EMPTY_TRIALS = """\
import sys
from pathlib import Path
from benchmark.running.cluster.fanout import Fanout
from benchmark.planning.plan import plan_trials
from benchmark.store.store import Store
from benchmark.planning.suite import load_suite
from benchmark.running.one_trial import work_on
from benchmark.running.run_settings import RunSettings
class Count:
    ended = 0
    def step(self, *what): pass
    def note(self, text): pass
    def end(self, record): self.ended += 1
suite, count = Path(sys.argv[1]), Count()
trials = plan_trials(load_suite(suite))
with Fanout(Store(suite.parent / "runs"), RunSettings(), work_on) as engine:
    engine.run(trials, count)
assert count.ended == len(trials), count.ended
"""


def planned(
    folder: Path, *, budgets: int, seeds: int, codes: int = 1, prior: int = 1
) -> tuple[Path, list[Trial]]:
    """Write a suite of 3 * budgets * seeds trials into a folder. Returns its path and its trials."""
    path = folder / "suite.yaml"
    first = 60
    path.write_text(
        SUITE.format(
            budgets=[*range(first, first + budgets)], seeds=[*range(seeds)], codes=codes, prior=prior
        )
    )
    return path, plan_trials(load_suite(path))


def finish(store: Store, trials: list[Trial]) -> None:
    """Write a record for each trial, as long as those of real trials are (about 8 KB)."""
    curve = {f"curve_rate_{name}_bpd": [1.23456789012345] * 40 for name in ("train", "heldout", "validation")}
    scores = {f"score_{index}": 0.123456789012345 for index in range(60)}
    store.record_path("").parent.mkdir(parents=True, exist_ok=True)
    for trial in trials:
        record = heading(trial) | {"status": "done", "bpd_heldout": 1.0, "wall_seconds": 1.0} | curve | scores
        store.record_path(trial.id).write_text(json.dumps(record, indent=1))


def seconds_of(*command: str) -> float:
    """Run a command; return its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def bare(trial: Trial, folder: str) -> None:
    """Run one trial with nothing around it; in a process of the bare loop's pool."""
    from benchmark.trial.recipe import run_trial

    run_trial(trial, Store(Path(folder)), Attempt())


def against_the_bare_loop(folder: Path, count: int, seconds: float) -> str:
    """Compare `bench run` with a pool of as many processes as cores that runs the same trials."""
    cores = len(os.sched_getaffinity(0))
    steps = max(1, round(seconds * 40))  # about 40 steps a second on one core of the machine this was set on
    suite, trials = planned(folder, budgets=1, seeds=-(-count // 3), codes=max(1, steps // 4), prior=steps)
    start = time.perf_counter()
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        list(pool.map(bare, trials, [str(folder / "bare")] * len(trials)))
    loop = time.perf_counter() - start
    run = seconds_of("-m", "benchmark.cli", "run", str(suite), "--runs", str(folder / "runs"))
    each = loop * cores / len(trials)
    return (
        f"| {len(trials)} trials of {each:.0f} s on {cores} cores | bare loop {loop:.1f} s "
        f"| `bench run` {run:.1f} s | {100 * (run / loop - 1):+.1f} % (goal: at most +5 %) |"
    )


def empty_trials(folder: Path, count: int) -> str:
    """Compare trials that end at once (their records are there) with a Tune function that reports once."""
    suite, trials = planned(folder, budgets=1, seeds=-(-count // 3))
    finish(Store(folder / "runs"), trials)
    (folder / "plain.py").write_text(PLAIN_TUNE)
    (folder / "empty.py").write_text(EMPTY_TRIALS)
    plain = seconds_of(str(folder / "plain.py"), str(len(trials)))
    ours = seconds_of(str(folder / "empty.py"), str(suite))
    return (
        f"| {len(trials)} empty trials | plain Ray Tune {plain:.1f} s | bench {ours:.1f} s "
        f"| {ours / plain:.2f} times (goal: at most 3) |"
    )


def finished_suite(folder: Path, count: int) -> str:
    """Time `bench run` on a suite of which everything is done, and measure its memory."""
    suite, trials = planned(folder, budgets=16, seeds=-(-count // 48))
    finish(Store(folder / "runs"), trials)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = [
        seconds_of("-m", "benchmark.cli", "run", str(suite), "--runs", str(folder / "runs")) for _ in range(3)
    ]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(taken)
    return (
        f"| finished suite of {len(trials)} records | `bench run` {min(taken):.2f} s (best of 3, worst "
        f"{max(taken):.2f}), of which {busy:.2f} s busy | {after.ru_maxrss / 1024:.0f} MiB "
        "| goal: at most 3 s, below 500 MiB |"
    )


def main() -> None:
    """Print the table, the cheapest part first: its memory is the largest of all children so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=21, help="of the suite against the bare loop")
    parser.add_argument("--seconds", type=float, default=20, help="that one of them takes, about")
    parser.add_argument("--empty", type=int, default=1000)
    parser.add_argument("--finished", type=int, default=10_000)
    chosen = parser.parse_args()
    print("| what | without, or how long | with, or how much | cost |\n|:--|--:|--:|--:|", flush=True)
    for measure in (
        lambda folder: finished_suite(folder, chosen.finished),
        lambda folder: empty_trials(folder, chosen.empty),
        lambda folder: against_the_bare_loop(folder, chosen.trials, chosen.seconds),
    ):
        with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
            print(measure(Path(folder)), flush=True)


if __name__ == "__main__":
    main()
