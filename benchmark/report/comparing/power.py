"""Say how many seeds a comparison needs (Cohen (1988), *Statistical Power Analysis*, chapter 2; paired
t-test).

`reports/calibration` measures that effects planted in real differences are found as often as stated here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy.special import chdtri, ndtr, stdtrit

from benchmark.errors import UserError
from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.comparing.means import CONFIDENCE
from benchmark.report.comparing.seed_scatter import Scatter, seed_scatter
from benchmark.report.comparing.significance import LEVEL, contrasts, seeds_for_level
from benchmark.report.reading.scores import judged_keys

MOST_SEEDS = 1000
_MIDPOINTS = (np.arange(4000) + 0.5) / 4000


@dataclass(frozen=True)
class Need:
    """Hold the seeds one comparison needs; None means more than MOST_SEEDS.

    `spread` is the standard deviation of the n paired differences recorded so far, `spread_high` the upper
    end of its 95 % interval, `effect` the difference to be found.
    """

    dataset: str
    budget: int
    strategy: str
    n: int
    spread: float
    spread_high: float
    effect: float
    seeds: int | None  # for a 95 % interval that excludes zero
    seeds_high: int | None  # the same if the spread is at its upper end
    seeds_for_star: int | None  # for a corrected p of at most 0.05 in the suite's family


def power_of(n: int, effect_in_sd: float, level: float = LEVEL) -> float:
    """Return the chance that a two-sided paired t-test with n pairs finds an effect of so many SDs."""
    if n < 2:
        return 0.0
    # scipy's non-central t fails far out, so: the normal's tails, averaged over the spread's own law
    bound = float(stdtrit(n - 1, 1 - level / 2))
    shift = abs(effect_in_sd) * math.sqrt(n)
    spreads = np.sqrt(chdtri(n - 1, _MIDPOINTS) / (n - 1))
    return float(np.mean(ndtr(shift - bound * spreads) + ndtr(-shift - bound * spreads)))


def seeds_needed(effect_in_sd: float, power: float, level: float = LEVEL) -> int | None:
    """Return the fewest pairs that reach a power, None where that takes more than MOST_SEEDS."""
    if not power_of(MOST_SEEDS, effect_in_sd, level) >= power:
        return None
    low, high = 2, MOST_SEEDS
    while low < high:  # power grows with n
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle, effect_in_sd, level) >= power else (middle + 1, high)
    return low


def needs(comparison: SuiteComparison, key: str, effect: str, power: float) -> list[Need]:
    """Return what each comparison with the baseline needs. `effect`: "10%" of the baseline's mean, or a
    number.

    Raises UserError for an effect that is no size, and where no comparison has the three pairs it takes to
    estimate a spread.
    """
    size, is_share = _parsed(effect)
    if not comparison.suite.baseline:
        raise UserError(f"suite '{comparison.suite.name}' names no baseline", "power is that of a comparison")
    family = len(contrasts(comparison, key))
    means = {(c.dataset, c.budget, c.strategy): c.score(key).mean for c in comparison.cells}
    found = []
    for scatter in seed_scatter(comparison, key):
        base = means[scatter.dataset, scatter.budget, comparison.suite.baseline]
        found.append(_need(scatter, size * abs(base) if is_share else size, power, family))
    if not found:
        known = ", ".join(judged_keys(comparison.metrics))
        raise UserError(
            f"suite '{comparison.suite.name}': no comparison in '{key}' has three pairs to estimate a "
            "spread from",
            f"run it with three seeds or more; scores in its records: {known}",
        )
    return found


def _need(scatter: Scatter, wanted: float, power: float, family: int) -> Need:
    """Return what one comparison needs to find a difference, among a family of them."""
    freedom = scatter.n - 1
    high = scatter.paired * math.sqrt(freedom / float(chdtri(freedom, 0.5 + CONFIDENCE / 2)))
    star = seeds_needed(_in_sd(wanted, scatter.paired), power, LEVEL / max(family, 1))
    return Need(
        scatter.dataset,
        scatter.budget,
        scatter.strategy,
        scatter.n,
        scatter.paired,
        high,
        wanted,
        seeds_needed(_in_sd(wanted, scatter.paired), power),
        seeds_needed(_in_sd(wanted, high), power),
        None if star is None else max(star, seeds_for_level(family)),
    )


def print_needs(found: list[Need], title: str, power: float, console: Console) -> None:
    """Print a row per comparison and how to read it."""
    title = f"seeds for {power:.0%} power in {title}"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("strategy", overflow="fold", min_width=20, max_width=24)
    for heading in ("pairs", "SD", "effect", "seeds", "if SD is high", "for a star"):
        table.add_column(heading, justify="right", no_wrap=True)
    block = None
    for need in found:
        if block != (block := (need.dataset, need.budget)):
            table.add_row(Text(f"{need.dataset}, {need.budget} images", "bold"))
        counts = (_count(n) for n in (need.seeds, need.seeds_high, need.seeds_for_star))
        sizes = (f"{need.spread:.3g}", f"{need.effect:.3g}")
        table.add_row(need.strategy, str(need.n), *sizes, *counts)
    console.print(table)
    console.print(
        "seeds: for a paired 95 % interval without zero, if differences keep the SD recorded so far; if SD "
        "is high: at the upper end of its own 95 % interval, which few pairs leave wide; for a star: "
        "Holm-corrected sign-flip p at most 0.05 over the suite's comparisons.",
    )


def _parsed(effect: str) -> tuple[float, bool]:
    text = effect.strip()
    try:
        size = float(text.removesuffix("%"))
    except ValueError:
        size = math.nan
    if not (math.isfinite(size) and size > 0):
        raise UserError(
            f"--effect is '{effect}'", "give a share of the baseline's mean, 10%, or a size, 0.05"
        )
    return (size / 100, True) if text.endswith("%") else (size, False)


def _in_sd(effect: float, spread: float) -> float:
    return effect / spread if spread else math.inf


def _count(seeds: int | None) -> str:
    return f"> {MOST_SEEDS}" if seeds is None else str(seeds)
