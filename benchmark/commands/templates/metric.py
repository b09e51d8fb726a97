"""What `bench new metric` writes: a metric that works, and its test."""

SOURCE = '''"""{title}: say here what it measures, and when it misleads."""

from __future__ import annotations

import numpy as np


class {class_name}:
    """How far the mean grey value of generated images is from that of held-out ones, in grey levels."""

    name = "{name}"  # its key in records
    title = "{spaced}"  # in tables
    better = "lower"  # or "higher", or "" where neither is

    def score(self, sets):
        """Return a number, or numbers by name: {{"near": 0.1, "far": 0.9}}.

        sets.generated, sets.heldout, sets.train, sets.reconstructions: uint8 (N, H, W, C), read-only.
        sets.features("generated"): their features (N, D) in the suite's extractor. sets.seed: for draws.
        """
        return float(abs(np.mean(sets.generated) - np.mean(sets.heldout)))
'''

TEST = '''"""The battery that every metric passes, and what is special about {class_name}."""

from pathlib import Path

import numpy as np

from benchmark.metrics.checks import check_metric
from benchmark.metrics.own_metric import MetricSets
from strategies.contract.plugin import Plugin

{class_name} = Plugin.read(Path(__file__).with_name("{name}.py"), "{class_name}").load()


def test_it_passes_the_battery() -> None:
    check_metric({class_name})


def test_a_shift_of_all_pixels_is_measured() -> None:
    heldout = np.full((8, 16, 16, 1), 100, np.uint8)
    sets = MetricSets({{"heldout": heldout, "generated": heldout + 10}}, lambda name: heldout[:, 0, :, 0], 0)
    assert {class_name}().score(sets) == 10
'''
