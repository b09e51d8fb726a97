"""Whether what `bench run` promises holds: `python tests/speed/progress.py` prints a table.

A small suite is probed and run in this process. The probe's hours are compared with what the run took, and
the ETA at a third and at two thirds of the run with what was left then. All of it in CPU time of the one
thread that is used, so that other load of the machine does not matter.
"""

from __future__ import annotations

import argparse
import bisect
import tempfile
import time
from pathlib import Path

import torch

from benchmark.cost.estimate import estimate_cost
from benchmark.cost.measure import probe_trials
from benchmark.cost.stand_ins import plan_for_cost
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.work import stages_of
from benchmark.running.one_trial import work_on
from benchmark.running.progress import Run
from benchmark.running.run_settings import RunSettings
from benchmark.running.serial import Serial
from benchmark.store.store import Record, Store

SUITE = """\
datasets: [{dataset}]
budgets: [{budget}]
seeds: [{seeds}]
strategies: [none, {{name: constant, stages: [prior]}}]
augmentation_space: {{rotation: 15, shift: 0.1, scale: 0.15, x_flip: 0.5, brightness: 0.1}}
model: {{preset: tiny}}
training: {{codes: {{steps: {steps}}}, prior: {{steps: {steps}, evaluations: 4}}}}
evaluation: {{samples: 500}}
"""


time.perf_counter = time.process_time  # for what the probe measures, too


class Watch:
    """Note the ETA as a run goes, and which stage took how long."""

    def __init__(self, run: Run) -> None:
        self.stages = stages_of(run.trials[0])
        self.run, self.began = run, time.perf_counter()
        self.times: list[float] = []
        self.etas: list[float | None] = []
        self.took = dict.fromkeys((*self.stages, "other"), 0.0)
        self._last, self._stage = self.began, "other"

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        self._tick(stage if stage in self.stages else "other")
        self.run.step(trial_id, stage, step, steps)
        self.times.append(time.perf_counter() - self.began)
        self.etas.append(self.run.eta_seconds)

    def end(self, record: Record) -> None:
        self._tick("other")
        assert record["status"] == "done", record["reason"]
        self.run.end(record)

    def note(self, text: str) -> None:
        print(text)

    def _tick(self, stage: str) -> None:
        now = time.perf_counter()
        self.took[self._stage if stage == "other" else stage] += now - self._last
        self._last, self._stage = now, stage


def main() -> None:
    """Probe, run, print."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="{name: digits, source: digits, size: 16, heldout: 500}")
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
        path = Path(folder) / "suite.yaml"
        seeds = ", ".join(map(str, range(chosen.seeds)))
        path.write_text(
            SUITE.format(dataset=chosen.dataset, budget=chosen.budget, seeds=seeds, steps=chosen.steps)
        )
        trials, absent = plan_for_cost(load_suite(path))
        probes = probe_trials(
            trials, absent, device="cpu", threads=1, steps=20, progress=lambda stage, step, of: None
        )
        cost = estimate_cost(trials, probes)
        watch = Watch(Run(plan_trials(load_suite(path)), clock=time.process_time))
        Serial(Store(Path(folder) / "runs"), RunSettings(), work_on).run(trials, watch)
    whole = time.perf_counter() - watch.began
    print("| what | promised | it took | ratio |\n|:--|--:|--:|--:|")
    for stage in watch.stages:
        promised, took = 3600 * cost.stage_hours[stage], watch.took[stage]
        print(f"| {stage} (probe) | {promised:.1f} s | {took:.1f} s | {promised / max(took, 1e-9):.2f} |")
    print(f"| all (probe) | {3600 * cost.hours:.1f} s | {whole:.1f} s | {3600 * cost.hours / whole:.2f} |")
    for share in (1 / 3, 1 / 2, 2 / 3):
        index = bisect.bisect(watch.times, share * whole) - 1
        eta, left = watch.etas[index] or 0.0, whole - watch.times[index]
        print(f"| ETA after {share:.0%} | {eta:.1f} s | {left:.1f} s | {eta / left:.2f} |")


if __name__ == "__main__":
    main()
