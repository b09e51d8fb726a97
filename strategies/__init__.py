"""Strategies: one file, one way of augmenting over the course of training.

Importing this package imports neither torch nor Kornia: a schedule is plain Python.
"""

from strategies.augmentation.catalogue import OPERATIONS
from strategies.augmentation.space import AugmentationSpace
from strategies.contract.base import STAGES, Likelihoods, StepContext, Strategy, View
from strategies.contract.tunable import Choice, Uniform

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
