"""One independent histogram per pixel: what a model that knows no structure costs."""

from benchmark.families.marginals.family import Marginals, MarginalsConfig

__all__ = ["Marginals", "MarginalsConfig"]
