"""One expectation and what came of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One expectation of one measure: the numbers it was judged by, and whether it held."""

    dataset: str
    extractor: str  # "-" where no extractor takes part
    case: str
    expectation: str
    numbers: str
    images: int
    passed: bool
