"""`bench run --probe`: measure one trial of each kind and keep what was measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmark.cores import usable_cores
from benchmark.cost.estimate import probes_path, write_probes
from benchmark.cost.stand_ins import plan_for_cost
from benchmark.planning.suite import load_suite

_STEPS = 20  # of every stage


def probe_suite(path: Path, runs: Path) -> Iterator[str]:
    """Probe a suite and yield remarks to print; the probes are kept under runs/cost/."""
    suite = load_suite(path)
    trials, absent = plan_for_cost(suite)
    import torch

    from benchmark.cost.measure import probe_trials

    resources = suite.settings.resources
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if resources.gpus and device == "cpu":
        yield "this suite asks for GPUs and none is here: measured on the CPU, which it would not be run on"
    if suite.settings.evaluation.extractor != "random":
        yield f"extractor {suite.settings.evaluation.extractor}: without its weights, `random` is timed"
    if os.getloadavg()[0] > 1.5:
        busy = f"load {os.getloadavg()[0]:.1f} on {usable_cores()} usable cores before the probe began"
        yield f"this machine is busy ({busy}): what is measured is longer than it takes alone"
    probes = probe_trials(
        trials,
        absent,
        device=device,
        threads=resources.cpus,
        steps=_STEPS,
        progress=lambda stage, step, of: None,
    )
    write_probes(probes_path(runs, suite.name), probes)
