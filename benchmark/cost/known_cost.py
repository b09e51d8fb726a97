"""`bench run --dry-run`: say what a suite costs, by what was measured earlier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.cost.estimate import (
    cost_lines,
    estimate_cost,
    kind_of,
    probes_path,
    read_probes,
)

if TYPE_CHECKING:
    from benchmark.planning.suite import Suite
    from benchmark.planning.trial import Trial


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
