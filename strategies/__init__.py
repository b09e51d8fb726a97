"""Strategies: one file, one way of augmenting over the course of training.

Importing this package imports neither torch nor Kornia: a schedule is plain Python.
"""

from strategies.base import STAGES, Likelihoods, StepContext, Strategy, View
from strategies.space import OPERATIONS, AugmentationSpace

__all__ = [
    "OPERATIONS",
    "STAGES",
    "AugmentationSpace",
    "Likelihoods",
    "StepContext",
    "Strategy",
    "View",
]
