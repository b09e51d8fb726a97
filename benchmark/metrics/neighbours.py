"""Find each point's nearest neighbours, exactly, without holding a distance matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics.points import Indices, Points, blocks, exact_block, exact_pairs, lower_bounds, rounded

if TYPE_CHECKING:
    from benchmark.metrics.features import Features

SPARE = 4  # candidates kept beyond the highest rank asked for


def nearest(queries: Points, references: Points | None, *, rank: int = 1) -> tuple[Features, Indices]:
    """Return distance and index (N, rank) of the nearest references, nearest first.

    Of equally near ones the lower index comes first. Without references each query is compared
    with the other queries, and half the work is saved.
    """
    others = references or queries
    found = _Candidates(len(queries), min(rank + SPARE, len(others) - (references is None)))
    for rows in blocks(len(queries)):
        for columns in blocks(len(others), 0 if references else rows.start):
            block = lower_bounds(queries, rows, others, columns)
            if references is None and columns == rows:
                np.fill_diagonal(block, np.inf)
            found.offer(rows, columns, block)
            if references is None and columns != rows:
                found.offer(columns, rows, block.T)
    return _decide(found, queries, references, rank)


class _Candidates:
    """The smallest lower bounds of every query so far (N, K), and whose they are."""

    def __init__(self, count: int, kept: int) -> None:
        self.kept = kept
        self.bounds = np.full((count, kept), np.inf, np.float32)
        self.indices = np.full((count, kept), -1, np.int64)

    def offer(self, rows: slice, columns: slice, block: NDArray[np.float32]) -> None:
        """Merge a block (rows, columns) of lower bounds."""
        better = block < self.bounds[rows].max(axis=1, keepdims=True)
        if np.count_nonzero(better) * 16 > block.size:
            indices = np.broadcast_to(np.arange(columns.start, columns.stop), block.shape)
            self._merge(rows, block, indices)
            return
        # (row, column) of the few improvements, packed to the left of a narrow block
        row, column = np.divmod(np.flatnonzero(better), block.shape[1])
        if not len(row):
            return
        place = np.arange(len(row)) - np.searchsorted(row, row)
        narrow = np.full((block.shape[0], place.max() + 1), np.inf, np.float32)
        indices = np.full(narrow.shape, -1, np.int64)
        narrow[row, place], indices[row, place] = block[row, column], columns.start + column
        self._merge(rows, narrow, indices)

    def _merge(self, rows: slice, block: NDArray[np.float32], indices: Indices) -> None:
        bounds = np.concatenate([self.bounds[rows], block], axis=1)
        indices = np.concatenate([self.indices[rows], indices], axis=1)
        best = np.argpartition(bounds, self.kept - 1, axis=1)[:, : self.kept]
        self.bounds[rows] = np.take_along_axis(bounds, best, axis=1)
        self.indices[rows] = np.take_along_axis(indices, best, axis=1)


def _decide(
    found: _Candidates, queries: Points, references: Points | None, rank: int
) -> tuple[Features, Indices]:
    """Turn candidates into the nearest `rank`, in double precision."""
    others = references or queries
    squared, indices = _ranked(queries, np.arange(len(queries)), others, found.indices, rank)
    if found.kept < len(others) - (references is None):
        # An unseen reference is no nearer than the largest bound; ties may crowd the candidates.
        unseen = found.bounds.max(axis=1).astype(np.float64) * queries.scale**2
        crowded = np.flatnonzero(unseen <= squared[:, -1])
        for part in blocks(len(crowded)):
            some = crowded[part]
            candidates = _search_all(queries, some, references, found.kept)
            squared[some], indices[some] = _ranked(queries, some, others, candidates, rank)
    return rounded(squared, queries, others), indices


def _ranked(
    queries: Points, rows: Indices, others: Points, candidates: Indices, rank: int
) -> tuple[NDArray[np.float64], Indices]:
    """Return squared distance and index (R, rank) of the nearest of each row's candidates (R, K)."""
    squared = exact_pairs(queries, np.repeat(rows, candidates.shape[1]), others, candidates.ravel())
    squared = squared.reshape(candidates.shape)
    order = np.lexsort((candidates, squared), axis=1)[:, :rank]
    return np.take_along_axis(squared, order, axis=1), np.take_along_axis(candidates, order, axis=1)


def _search_all(queries: Points, rows: Indices, references: Points | None, kept: int) -> Indices:
    """Return some queries' nearest references (R, kept), comparing with every one in double precision."""
    others = references or queries
    squared = np.full((len(rows), kept), np.inf)
    indices = np.full((len(rows), kept), -1, np.int64)
    for columns in blocks(len(others)):
        block = exact_block(queries, rows, others, columns)
        if references is None:
            own = (rows >= columns.start) & (rows < columns.stop)
            block[own, rows[own] - columns.start] = np.inf
        names = np.broadcast_to(np.arange(columns.start, columns.stop), block.shape)
        squared, indices = np.concatenate([squared, block], 1), np.concatenate([indices, names], 1)
        order = np.lexsort((indices, squared), axis=1)[:, :kept]
        squared, indices = np.take_along_axis(squared, order, 1), np.take_along_axis(indices, order, 1)
    return indices
