"""What a report costs: `python tests/speed/report.py` prints a table.

`bench report` on 10,000 records as long and as full as real ones, in a process of its own: wall seconds,
processor seconds, peak memory. Two data sets, ten budgets, five strategies, a hundred seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmark.report.reading.score_titles import SCORES
from benchmark.store.environment import processor, versions

DATASETS = ("digits", "shapes")
BUDGETS = tuple(60 * 2**place for place in range(10))
STRATEGIES = ("none", "constant", "phased", "adaptive", "annealed")
OPERATIONS = ("rotation", "shift", "scale", "x_flip")
EVALUATIONS = 40
INTERVALS = ("fid", "kid", "bpd_heldout", "precision", "recall", "fid_pixels", "kid_pixels")
CURVES = ("rate_train_bpd", "rate_heldout_bpd", "gap")


def record_of(trial: dict[str, Any], draw: random.Random, packages: dict[str, str]) -> dict[str, Any]:
    """Return a record with every score of the house, leakage, curves and settings, about 12 KB."""
    level = 8 - 0.4 * BUDGETS.index(trial["budget"]) + 0.1 * STRATEGIES.index(trial["strategy"])
    shared = random.Random(trial["seed"]).gauss(0, 0.2)  # what the arms of a pair have in common
    scores: dict[str, Any] = {key: level + shared + draw.gauss(0, 0.05) for key in SCORES}
    scores |= {f"leak_{name}": draw.gauss(0.3, 0.1) for name in OPERATIONS}
    for key in (*INTERVALS, *(f"leak_{name}" for name in OPERATIONS)):
        scores |= {f"{key}_low": scores[key] - 0.1, f"{key}_high": scores[key] + 0.1}
    steps = [10 * place for place in range(EVALUATIONS)]
    curves: dict[str, Any] = {f"curve_{name}": [level + draw.random() for _ in steps] for name in CURVES}
    curves["curve_strength"] = [draw.random() for _ in steps]
    strategy = {"name": trial["strategy"], "parameters": {"strength": 1.0}, "stages": ["prior"]}
    return (
        trial
        | scores
        | curves
        | {
            "schema_version": 1,
            "status": "done",
            "initialisation": 0,
            "dataset_fingerprint": trial["dataset"],
            "strategy_class": trial["strategy"],
            "samples": 500,
            "references": 500,
            "extractor": "random",
            "extractor_fingerprint": "d8cbf97247d0a9d9",
            "versions": packages,
            "hardware": "some processor",
            "device": "cpu",
            "cpu_threads": 1,
            "git_commit": "974b8abb8d7c",
            "curve_step": steps,
            "prior_steps": 400,
            "selected_step": 400,
            "budget_indices": [draw.randrange(10**4) for _ in range(min(trial["budget"], 300))],
            "leak_operations": list(OPERATIONS),
            "leak_crosstalk": [[draw.random() for _ in OPERATIONS] for _ in OPERATIONS],
            "strategy_state": {},
            "trial": {"strategy": strategy, "seed": trial["seed"], "model": {"size": 16, "channels": 1}},
        }
    )


def write_runs(root: Path, seeds: int) -> int:
    """Write a runs folder of 100 * `seeds` records; return their number."""
    draw, packages = random.Random(0), versions()
    trials = [
        {
            "id": f"{dataset}-{budget}-{strategy}-{seed}",
            "dataset": dataset,
            "budget": budget,
            "strategy": strategy,
            "seed": seed,
        }
        for strategy in STRATEGIES
        for dataset in DATASETS
        for budget in BUDGETS
        for seed in range(seeds)
    ]
    (root / "records").mkdir(parents=True)
    for trial in trials:
        text = json.dumps(record_of(trial, draw, packages), indent=1)
        (root / "records" / f"{trial['id']}.json").write_text(text)
    manifest = {"suite": "many", "title": "Many records", "baseline": "none", "command": ""}
    (root / "suites").mkdir()
    (root / "suites" / "many.json").write_text(json.dumps(manifest | {"trials": trials}))
    return len(trials)


def measured(root: Path, output: Path) -> tuple[float, float, float]:
    """Run `bench report` once; return wall seconds, processor seconds and peak memory in MiB."""
    command = [sys.executable, "-m", "benchmark.cli", "report", "many", "--runs", str(root)]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--output", str(output)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench report ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="a hundred records each")
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
        root = Path(folder)
        count = write_runs(root / "runs", chosen.seeds)
        sizes = sum(path.stat().st_size for path in (root / "runs" / "records").iterdir())
        found = [measured(root / "runs", root / "report") for _ in range(chosen.times)]
        page = (root / "report" / "many" / "index.html").stat().st_size
    walls, busy, memory = zip(*found, strict=True)
    print(f"On {processor()}, {len(os.sched_getaffinity(0))} cores.\n")
    print("| what | wall seconds | processor seconds | peak memory | page |\n|:--|--:|--:|--:|--:|")
    print(
        f"| `bench report` on {count:,} records of {sizes / count / 1000:.1f} kB | {min(walls):.1f} (best of "
        f"{len(walls)}, worst {max(walls):.1f}; goal: at most 20) | {min(busy):.1f} | {max(memory):.0f} MiB "
        f"(goal: below 1,024) | {page / 2**20:.1f} MiB |"
    )


if __name__ == "__main__":
    main()
