"""The harness: suite -> trials -> records -> report."""

__version__ = "0.1.0"
