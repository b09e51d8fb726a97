"""Put the comparison into words that claim no more than the numbers do."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison, remembered
from benchmark.report.comparing.data_efficiency import equivalents
from benchmark.report.comparing.leaders import best_mean
from benchmark.report.comparing.means import MeanOverSeeds
from benchmark.report.comparing.significance import contrasts
from benchmark.report.reading.scores import TrialRecord
from benchmark.report.words.formatting import (
    decimals_of_differences,
    difference_phrase,
    listed,
    mean_in_column,
    spread,
)
from benchmark.report.words.phrases import equivalent_sentences, stars_phrase
from benchmark.report.words.samples import sample_sentences


@remembered
def findings(comparison: SuiteComparison) -> list[str]:
    """Return the Markdown lines of the answer: a line per dataset that sums up, then an item per budget."""
    lines: list[str] = []
    for dataset in comparison.suite.datasets:
        lines += [_summary(comparison, dataset), ""]
        for budget in comparison.suite.budgets(dataset):
            lines.append(f"- **{budget} training images**")
            lines += [f"  - {item}" for item in budget_findings(comparison, dataset, budget)]
        lines += _in_images(comparison, dataset)
        lines.append("")
    return [*lines, _reading_rules(comparison)]


def _in_images(comparison: SuiteComparison, dataset: str) -> list[str]:
    """Return an item on what strategies are worth in images, where an interval bounds it from below."""
    found = [
        e
        for e in equivalents(comparison, comparison.headline.key)
        if e.dataset == dataset and e.n > 1 and not e.open_below
    ]
    worth = [e for e in found if e.images > e.budget and e.low > e.budget]
    if not worth:
        return []
    return [f"- **In images.** {' '.join(equivalent_sentences(worth, comparison.suite.baseline))}"]


def budget_findings(comparison: SuiteComparison, dataset: str, budget: int) -> list[str]:
    """Return what one budget's records say, an item about likelihood, one about samples, then cautions."""
    cells = comparison.at(dataset, budget)
    headline = comparison.headline
    leader = best_mean(comparison, cells, headline.key)
    if leader is None:
        return [f"No finished trial has a {headline.title}."]
    said = mean_in_column(cells, leader, headline.key)
    first = [f"{headline.subject}: {headline.best} mean {headline.title} for `{leader.strategy}`, {said}."]
    first += _against_baseline(comparison, cells, leader)
    first += _against_runner_up(comparison, cells, leader)
    samples = sample_sentences(comparison, cells, leader)
    cautions = [*_unequal_seeds(comparison, cells), *_still_improving(comparison, cells)]
    return [" ".join(part) for part in (first, samples, cautions) if part]


def _summary(comparison: SuiteComparison, dataset: str) -> str:
    """Name the leaders, and the strategies whose interval against the baseline excludes zero."""
    cells, headline = comparison.at(dataset), comparison.headline
    leading = [
        best_mean(comparison, comparison.at(dataset, budget), headline.key)
        for budget in comparison.suite.budgets(dataset)
    ]
    leaders = _by_strategy([cell for cell in leading if cell is not None])
    if not leaders:
        return f"**{dataset}.** No finished trial has a {headline.title}."
    best = headline.best.capitalize()
    sentences = [f"**{dataset}.** {best} mean {headline.title}: {leaders} training images."]
    baseline = comparison.suite.baseline
    if baseline is None:
        return sentences[0]
    if not any(cell.difference(headline.key).has_interval for cell in cells):
        return f"{sentences[0]} No strategy has two pairs with `{baseline}`: no difference has an interval."
    sides = ("below", "above") if headline.good_side == "below" else ("above", "below")
    for side, verdict in zip(sides, ("better", "worse"), strict=True):
        found = _by_strategy([cell for cell in cells if cell.difference(headline.key).side_of_zero == side])
        where = f"wholly {side} zero ({verdict})"
        sentences.append(f"Paired 95 % interval against `{baseline}` {where}: {found or 'none of them'}.")
    return " ".join(sentences)


def _by_strategy(cells: Sequence[Cell]) -> str:
    budgets: dict[str, list[str]] = {}
    for cell in cells:
        budgets.setdefault(cell.strategy, []).append(str(cell.budget))
    return "; ".join(f"`{name}` at {listed(found)}" for name, found in budgets.items())


def _against_baseline(comparison: SuiteComparison, cells: Sequence[Cell], leader: Cell) -> list[str]:
    baseline, key = comparison.suite.baseline, comparison.headline.key
    paired = [cell for cell in cells if cell.strategy != baseline and cell.difference(key).n]
    if not paired:
        return [f"No pairs with the baseline `{baseline}`." if baseline else "The suite names no baseline."]
    sentences = ["It is the baseline."] if leader.strategy == baseline else []
    if leader in paired:
        said = _difference(leader.difference(key))
        sentences.append(f"Its paired difference to `{baseline}`: {said}.")
    elif leader.strategy != baseline:
        sentences.append(f"It shares no seed with the baseline `{baseline}`.")
    others = [cell for cell in paired if cell is not leader]
    sides: dict[str, list[str]] = {}
    for cell in others:
        sides.setdefault(cell.difference(key).side_of_zero, []).append(f"`{cell.strategy}`")
    named = {"below": "wholly below zero", "above": "wholly above zero", "around": "containing zero"}
    parts = [f"{text} for {listed(sides[side])}" for side, text in named.items() if side in sides]
    if parts:
        pairs = spread(cell.difference(key).n for cell in others)
        sentences.append(
            f"The others' 95 % intervals against `{baseline}` (n = {pairs} pairs): {'; '.join(parts)}."
        )
    return sentences


def _against_runner_up(comparison: SuiteComparison, cells: Sequence[Cell], leader: Cell) -> list[str]:
    key = comparison.headline.key
    second = best_mean(comparison, [cell for cell in cells if cell is not leader], key)
    if second is None or comparison.suite.baseline == second.strategy:
        return []  # the sentence about the baseline has said it
    found = comparison.between(key, leader, second)
    if not found.n:
        return [f"It shares no seed with the runner-up `{second.strategy}`."]
    return [f"Against the runner-up `{second.strategy}`: {_difference(found)}."]


def _difference(found: MeanOverSeeds) -> str:
    verdict = {
        "below": ", an interval that excludes zero",
        "above": ", an interval that excludes zero",
        "around": ", an interval that contains zero: these seeds do not settle the order of the two",
        "unknown": ": one pair cannot settle the order of the two",
    }[found.side_of_zero]
    return f"{difference_phrase(found, decimals_of_differences([found]))}{verdict}"


def _unequal_seeds(comparison: SuiteComparison, cells: Sequence[Cell]) -> list[str]:
    counts = [cell.score(comparison.headline.key).n for cell in cells]
    if len(set(counts)) == 1:
        return []
    return [f"Strategies have {spread(counts)} seeds here: trust paired differences, not the order of means."]


def _still_improving(comparison: SuiteComparison, cells: Sequence[Cell]) -> list[str]:
    named = []
    for cell in cells:
        records = comparison.suite.done(cell.dataset, cell.budget, cell.strategy).values()
        if records and all(_lowest_at_the_end(record) for record in records):
            named.append(f"`{cell.strategy}` (n = {len(records)})")
    if not named:
        return []
    return [
        f"Still improving: in every seed of {listed(named)} the prior's held-out rate was lowest at the last "
        "recorded step, so longer training may change this comparison."
    ]


def _lowest_at_the_end(record: TrialRecord) -> bool:
    curve = [v for v in record.get("curve_rate_heldout_bpd") or [] if v is not None and math.isfinite(v)]
    return len(curve) > 1 and curve[-1] < min(curve[:-1])


def _reading_rules(comparison: SuiteComparison) -> str:
    key = comparison.headline.key
    intervals = sum(cell.difference(key).has_interval for cell in comparison.cells)
    seeds = spread(cell.done for cell in comparison.cells)
    sentences = [
        f"*How to read this.* n counts seeds ({seeds} finished per strategy and budget); ± and [ ] are 95 % "
        "Student-t intervals over seeds. A paired difference compares two strategies under the same dataset, "
        "budget and seed; a seed that one of them lacks is left out of both. Intervals from few seeds assume "
        "that seeds scatter normally, and speak of these datasets, this model and this training length only."
    ]
    if intervals:
        sentences.append(
            f"Intervals against the baseline ({intervals} of them) are not corrected for their number: if no "
            f"strategy had any effect, about {0.05 * intervals:.1f} would be expected to exclude zero."
        )
        sentences.append(stars_phrase(contrasts(comparison, key)))
    return " ".join(sentences)
