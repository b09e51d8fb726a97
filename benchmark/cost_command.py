"""What `bench probe` does: measure one trial of each kind, keep it, and say what the suite costs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmark.cost import cost_lines, estimate_cost, plan_for_cost, probes_path, write_probes
from benchmark.suite import load_suite


def probe_suite(path: Path, runs: Path, steps: int) -> Iterator[str]:
    """Probe a suite and yield what to print; the probes are kept under runs/cost/."""
    suite = load_suite(path)
    trials, absent = plan_for_cost(suite)
    import torch

    from benchmark.probe import probe_trials

    resources = suite.settings.resources
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if resources.gpus and device == "cpu":
        yield "this suite asks for GPUs and none is here: measured on the CPU, which it would not be run on"
    if suite.settings.evaluation.extractor != "random":
        yield f"extractor {suite.settings.evaluation.extractor}: without its weights, `random` is timed"
    if os.getloadavg()[0] > 1.5:
        busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before the probe began"
        yield f"this machine is busy ({busy}): what is measured is longer than it takes alone"
    probes = probe_trials(
        trials,
        absent,
        device=device,
        threads=resources.cpus,
        steps=steps,
        progress=lambda stage, step, of: None,
    )
    write_probes(probes_path(runs, suite.name), probes)
    yield from cost_lines(estimate_cost(trials, probes), probes, absent)
