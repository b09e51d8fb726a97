"""The measures measured: faults planted in real images, and whether each measure sees them."""

from benchmark.selftest.running import run_selftest

__all__ = ["run_selftest"]
