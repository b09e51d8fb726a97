"""`bench run --probe` and `--dry-run`: measure one trial of each kind, keep it, say what a suite costs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.cores import usable_cores
from benchmark.cost.estimate import (
    cost_lines,
    estimate_cost,
    kind_of,
    plan_for_cost,
    probes_path,
    read_probes,
    write_probes,
)
from benchmark.planning.suite import Suite, load_suite
from benchmark.planning.trial import Trial

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


def known_cost(suite: Suite, runs: Path, trials: Sequence[Trial], absent: Sequence[str]) -> Iterator[str]:
    """Yield what some trials of a suite cost by the probes kept from earlier, or how to come by such."""
    if not trials:
        return
    kept = read_probes(probes_path(runs, suite.name))
    kinds = {kind_of(trial) for trial in trials}
    if kinds <= kept.keys():
        probes = {kind: kept[kind] for kind in kinds}
        noise = absent if any(probe.synthetic for probe in probes.values()) else ()
        yield from cost_lines(estimate_cost(trials, probes), probes, noise)
        return
    if absent:
        yield f"not here: {', '.join(absent)}"
    yield f"cost: not measured yet; `bench run {suite.file.path} --probe` times a few steps of every stage"
