"""Find a family by name: built in, of an installed package, or in a file named in the suite (no torch)."""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

from benchmark.families.contract import Family
from benchmark.families.marginals import Marginals
from benchmark.families.pc_vq2 import PCVQ2Family

ENTRY_POINTS = "bench.families"
DEFAULT = PCVQ2Family.name
BUILT_IN: dict[str, type[Family]] = {family.name: family for family in (PCVQ2Family, Marginals)}


@functools.cache
def known_families() -> dict[str, Family]:
    """Return every family built in or found under the entry-point group `bench.families`, by name."""
    found = {name: family() for name, family in BUILT_IN.items()}
    for point in entry_points(group=ENTRY_POINTS):
        if point.name not in found:
            found[point.name] = point.load()()
    return found
