"""Find the best strategy of a budget, and say whether the seeds support calling it that."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison


def best_mean(comparison: SuiteComparison, cells: Sequence[Cell], key: str) -> Cell | None:
    """Return the cell with the best mean, the plan's earlier one on a tie; None without any number.

    Where a score has no better direction, the lowest.
    """
    scored = [cell for cell in cells if cell.score(key).n]
    pick = max if comparison.suite.score(key).better == "higher" else min
    return pick(scored, key=lambda cell: cell.score(key).mean, default=None)


def supported_best(comparison: SuiteComparison, cells: Sequence[Cell], key: str) -> Cell | None:
    """Return the cell with the best mean if its paired 95 % interval against every other excludes zero.

    None where it does not, where a rival shares no two seeds, or where the score has no better direction.
    """
    scored = [cell for cell in cells if cell.score(key).n]
    better = comparison.suite.score(key).better
    leader = best_mean(comparison, scored, key)
    if leader is None or len(scored) < 2 or not better:
        return None
    good = "below" if better == "lower" else "above"
    rivals = (comparison.between(key, leader, cell) for cell in scored if cell is not leader)
    return leader if all(rival.side_of_zero == good for rival in rivals) else None
