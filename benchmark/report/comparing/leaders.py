"""Find the best strategy of a budget, and say whether the seeds support calling it that."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.reading.scores import score


def supported_best(comparison: SuiteComparison, cells: Sequence[Cell], key: str) -> Cell | None:
    """Return the cell with the best mean if its paired 95 % interval against every other excludes zero.

    None where it does not, where a rival shares no two seeds, or where the score has no better direction.
    """
    scored = [cell for cell in cells if cell.score(key).n]
    better = score(key).better
    if len(scored) < 2 or not better:
        return None
    pick = min if better == "lower" else max
    leader = pick(scored, key=lambda cell: cell.score(key).mean)
    good = "below" if better == "lower" else "above"
    rivals = (comparison.between(key, leader, cell) for cell in scored if cell is not leader)
    return leader if all(rival.side_of_zero == good for rival in rivals) else None
