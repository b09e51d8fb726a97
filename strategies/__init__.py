"""Strategies: one file, one way of augmenting over the course of training.

Importing this package imports neither torch nor Kornia: a schedule is plain Python.
"""

from strategies.base import STAGES, Likelihoods, StepContext, Strategy, View
from strategies.catalogue import OPERATIONS
from strategies.space import AugmentationSpace
from strategies.tunable import Choice, Uniform

__all__ = [
    "OPERATIONS",
    "STAGES",
    "AugmentationSpace",
    "Choice",
    "Likelihoods",
    "StepContext",
    "Strategy",
    "Uniform",
    "View",
]
