"""Write numbers for people: enough digits to tell them apart, always with their n."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from benchmark.report.comparing.comparison import Cell
from benchmark.report.comparing.means import MeanOverSeeds

NOTHING = "–"


def number_text(value: float, decimals: int, *, signed: bool = False) -> str:
    """Format a number with a true minus sign; NaN becomes a dash."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if float(text) == 0.0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def decimals_for(estimates: Iterable[MeanOverSeeds], key: str) -> int:
    """Choose one number of decimals for a column: three digits of the largest mean, two of the smallest."""
    sizes = [abs(e.mean) for e in estimates if e.n and e.mean != 0.0]
    least = 3 if key.startswith("bpd") else 0
    if not sizes:
        return max(least, 2)
    return min(max(2 - _magnitude(max(sizes)), 1 - _magnitude(min(sizes)), least), 5)


def decimals_of_differences(estimates: Iterable[MeanOverSeeds]) -> int:
    """Choose decimals that keep every end of every interval apart from zero (three to six)."""
    ends = [end for e in estimates for end in ((e.low, e.high) if e.has_interval else (e.mean,))]
    bounds = [abs(end) for end in ends if math.isfinite(end) and end != 0.0]
    return min(max(3, -_magnitude(min(bounds))), 6) if bounds else 3


def score_texts(cells: Sequence[Cell], key: str) -> list[str]:
    """Format one column, mean ± half-width; a cell whose n is not its row's number of records says so."""
    estimates = [cell.score(key) for cell in cells]
    decimals = decimals_for(estimates, key)
    texts = []
    for cell, found in zip(cells, estimates, strict=True):
        text = mean_and_half_width(found, decimals)
        texts.append(text if found.n in (0, cell.done) else f"{text} (n = {found.n})")
    return texts


def difference_texts(cells: Sequence[Cell], key: str, baseline: str | None) -> list[str]:
    """Format one column of paired differences with interval and number of pairs."""
    decimals = decimals_of_differences(cell.difference(key) for cell in cells)
    return [
        "baseline" if cell.strategy == baseline else difference_phrase(cell.difference(key), decimals)
        for cell in cells
    ]


def mean_and_half_width(found: MeanOverSeeds, decimals: int) -> str:
    """Format mean ± half-width, or the mean alone when n = 1."""
    mean = number_text(found.mean, decimals)
    return f"{mean} ± {number_text(found.half_width, decimals)}" if found.has_interval else mean


def mean_phrase(found: MeanOverSeeds, decimals: int) -> str:
    """Format a mean for prose, with its n."""
    return f"{mean_and_half_width(found, decimals)} (n = {found.n}{', no interval' if found.n == 1 else ''})"


def mean_in_column(cells: Sequence[Cell], cell: Cell, key: str) -> str:
    """Say a mean with the decimals its column has in the table."""
    return mean_phrase(cell.score(key), decimals_for((c.score(key) for c in cells), key))


def interval(found: MeanOverSeeds, decimals: int) -> str:
    """Format a signed mean with its interval, without the number of pairs."""
    mean = number_text(found.mean, decimals, signed=True)
    if not found.has_interval:
        return mean
    low, high = (number_text(bound, decimals, signed=True) for bound in (found.low, found.high))
    return f"{mean} [{low}, {high}]"


def difference_phrase(found: MeanOverSeeds, decimals: int) -> str:
    """Format a paired difference with its interval and number of pairs."""
    if found.n == 0:
        return "no pairs"
    text = interval(found, decimals)
    return f"{text} (1 pair, no interval)" if found.n == 1 else f"{text} ({found.n} pairs)"


def p_text(p: float) -> str:
    """Format a p-value; NaN becomes a dash."""
    if p != p:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}".rstrip("0").rstrip(".") if p < 1 else "1"


def listed(names: Sequence[str]) -> str:
    """Join names as prose does: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def spread(counts: Iterable[int]) -> str:
    """Write whole numbers as one value or a range; none at all as 0."""
    found = sorted(set(counts)) or [0]
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def shortened(name: str, most: int = 24) -> str:
    """Cut a name in the middle, where two long names are likeliest to agree."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}…{name[-(most - 1 - head) :]}"


def _magnitude(size: float) -> int:
    return math.floor(math.log10(size))
