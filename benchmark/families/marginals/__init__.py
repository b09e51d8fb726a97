"""One independent histogram per pixel: what a model that knows no structure costs."""

from benchmark.families.marginals.config import MarginalsConfig
from benchmark.families.marginals.family import Marginals

__all__ = ["Marginals", "MarginalsConfig"]
