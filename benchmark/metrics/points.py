"""Compare distances exactly at the price of single precision: it screens, double precision decides.

A block of squared distances costs one single-precision matrix product. Its rounding error has a known
bound (`slack`), so only the few pairs that lie within the bound of a threshold are computed again in double
precision. Decided distances are rounded to the features' own type, so that rounding noise breaks no tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics.products import product
from benchmark.pulse import pulse

if TYPE_CHECKING:
    from benchmark.metrics.features import Features

ROWS = 1024  # rows and columns of a block
MANY = ROWS * ROWS // 16  # pairs of a block

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Points:
    """Features (N, D) beside their single-precision shadow; `shadow * scale + centre` is about `exact`."""

    exact: Features
    shadow: NDArray[np.float32]
    norms: NDArray[np.float32]  # (N,) squared norms of the shadow
    slack: NDArray[np.float32]  # (N,) a pair's squared shadow distance errs by slack[i] + slack[j] at most
    centre: NDArray[np.float64]
    scale: float

    def __len__(self) -> int:
        return len(self.exact)


def shadowed(*sets: Features) -> list[Points]:
    """Shadow sets of features (N, D) around their common centre, divided by one power of two."""
    centre = np.mean([features.mean(axis=0, dtype=np.float64) for features in sets], axis=0)
    reach = max(abs(edge - centre).max() for x in sets for edge in (x.min(axis=0), x.max(axis=0)))
    scale = 2.0 ** np.ceil(np.log2(reach)) if reach > 0 else 1.0
    return [_shadow(features, centre, scale) for features in sets]


def _shadow(features: Features, centre: NDArray[np.float64], scale: float) -> Points:
    count, dimension = features.shape
    shadow = np.empty((count, dimension), np.float32)
    for rows in blocks(count):
        shadow[rows] = (features[rows] - centre) / scale
    norms = np.einsum("ij,ij->i", shadow, shadow, dtype=np.float64).astype(np.float32)
    # A dot product of n terms errs by n units of roundoff times |x||y|; 32 more for every other rounding.
    slack = norms * np.float32((dimension + 32) * 2.0**-24)
    return Points(features, shadow, norms, slack, centre, scale)


def blocks(count: int, start: int = 0, *, size: int = ROWS) -> Iterator[slice]:
    """Cut range(start, count) into slices of `size`."""
    for first in range(start, count, size):
        pulse()
        yield slice(first, min(first + size, count))


def lower_bounds(a: Points, rows: slice, b: Points, columns: slice) -> NDArray[np.float32]:
    """Bound squared shadow distances (rows, columns) from below, by at most 2 (slack[i] + slack[j])."""
    block = product(-2 * a.shadow[rows], b.shadow[columns])
    block += (b.norms - b.slack)[columns]
    block += (a.norms - a.slack)[rows, None]
    return block


def exact_pairs(a: Points, rows: Indices, b: Points, columns: Indices) -> NDArray[np.float64]:
    """Return squared distances (P,) of pairs in double precision, from their differences."""
    squared = np.empty(len(rows))
    for part in blocks(len(rows), size=ROWS // 8):  # small enough for a core's cache
        difference = a.exact[rows[part]].astype(np.float64)
        difference -= b.exact[columns[part]]
        squared[part] = np.einsum("ij,ij->i", difference, difference)
    return squared


def exact_block(a: Points, rows: slice | Indices, b: Points, columns: slice) -> NDArray[np.float64]:
    """Return squared distances (rows, columns) in double precision, from one matrix product.

    What is below the product's own rounding error is 0: the pair is equal to working precision.
    """
    x, y = a.exact[rows] - a.centre, b.exact[columns] - a.centre
    norms_x, norms_y = np.einsum("ij,ij->i", x, x)[:, None], np.einsum("ij,ij->i", y, y)
    squared = x @ y.T
    squared *= -2
    squared += norms_x
    squared += norms_y
    squared[squared < (norms_x + norms_y) * ((x.shape[1] + 32) * 2.0**-53)] = 0
    return squared


def rounded(squared: NDArray[np.float64], a: Points, b: Points) -> Features:
    """Turn squared distances into distances of the features' type."""
    return np.sqrt(squared.astype(np.result_type(a.exact, b.exact)))


def pairs_inside(
    a: Points, rows: slice, b: Points, columns: slice, bounds: NDArray[np.float32], radii: Features
) -> tuple[Indices, Indices]:
    """List the pairs (row, column) of a block of lower bounds whose exact distance is below a radius.

    `radii` is (rows, 1) for balls around a's points or (1, columns) for balls around b's.
    """
    limits = ((radii / a.scale) ** 2).astype(np.float32)
    row, column = np.divmod(np.flatnonzero(bounds < limits), bounds.shape[1])
    slack = a.slack[rows][row] + b.slack[columns][column]
    inside = bounds[row, column] + 2 * slack < np.broadcast_to(limits, bounds.shape)[row, column]
    unsure = np.flatnonzero(~inside)
    if len(unsure) > MANY:  # one product is cheaper than so many differences
        squared = exact_block(a, rows, b, columns)[row[unsure], column[unsure]]
    else:
        squared = exact_pairs(a, rows.start + row[unsure], b, columns.start + column[unsure])
    radius = np.broadcast_to(radii, bounds.shape)[row[unsure], column[unsure]]
    inside[unsure] = rounded(squared, a, b) < radius
    return row[inside], column[inside]
