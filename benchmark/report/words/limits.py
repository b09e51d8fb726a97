"""Say what these records cannot show, why, and what is shown all the same."""

from __future__ import annotations

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.reading.scores import number_in
from benchmark.report.words.formatting import listed, number_text

_COLLAPSED = 0.25  # of the codebook: a map that uses its codes evenly has a perplexity near its size


@remembered
def limit_lines(comparison: SuiteComparison) -> list[str]:
    """Return one item per limit; empty where there is none."""
    found = [
        _one_strategy(comparison),
        _no_baseline(comparison),
        _few_seeds(comparison),
        _one_budget(comparison),
        _unfinished(comparison),
        _no_headline(comparison),
        _collapsed(comparison),
    ]
    items = [f"- {text}" for text in found if text]
    return ["*What these records cannot show.*", "", *items] if items else []


def _one_strategy(comparison: SuiteComparison) -> str:
    done = {trial.strategy for trial in comparison.suite.records}
    if len(done) > 1:
        return ""
    return f"No comparison: only `{next(iter(done))}` has finished trials. Its scores and curves are shown."


def _no_baseline(comparison: SuiteComparison) -> str:
    suite = comparison.suite
    done = {trial.strategy for trial in suite.records}
    if suite.baseline in done or len(done) < 2:
        return ""
    why = (
        f"the baseline `{suite.baseline}` has no finished trial" if suite.baseline else "no baseline is named"
    )
    return f"No paired difference, p-value or equivalent sample size: {why}. Means are shown, unpaired."


def _few_seeds(comparison: SuiteComparison) -> str:
    alone = sum(cell.done == 1 for cell in comparison.cells)
    several = sum(cell.done > 1 for cell in comparison.cells)
    if not alone:
        return ""
    where = "any cell" if not several else f"{alone} of {alone + several} cells"
    return f"No interval for {where} of the tables: one seed each. Its numbers are shown without one."


def _one_budget(comparison: SuiteComparison) -> str:
    suite = comparison.suite
    single = [name for name in suite.datasets if len(suite.budgets(name)) == 1]
    if not single:
        return ""
    return f"No worth in images for {listed(single)}: one budget gives no curve to read it from."


def _unfinished(comparison: SuiteComparison) -> str:
    failed, missing = (comparison.suite.count(status) for status in ("failed", "missing"))
    if not failed + missing:
        return ""
    dropped = sum(cell.difference(comparison.headline.key).left_out for cell in comparison.cells)
    pairs = f" (pairs left out of both arms for it: {dropped})" if dropped else ""
    return f"{failed} failed and {missing} missing trials give no number{pairs}. The others are shown."


def _no_headline(comparison: SuiteComparison) -> str:
    records = comparison.suite.records.values()
    without = sum(number_in(record, comparison.headline.key) is None for record in records)
    if not without:
        return ""
    finished = f"{without} of {len(records)} finished trials"
    return f"{finished} have no finite {comparison.headline.title}; their other scores are shown."


def _collapsed(comparison: SuiteComparison) -> str:
    """Name the subsets whose auto-encoder uses a small part of a codebook, by dataset, budget and seed."""
    found: dict[str, None] = {}
    for trial, record in comparison.suite.records.items():
        size = number_in(record, "codebook_size")
        for level in ("top", "bottom"):
            used = number_in(record, f"perplexity_{level}")
            if size and used is not None and used < _COLLAPSED * size:
                where = f"{trial.dataset} at {trial.budget}, seed {trial.seed}"
                found[f"{where} ({level}: perplexity {number_text(used, 1)} of {size:.0f})"] = None
    if not found:
        return ""
    return (
        f"Little of how priors differ, where a codebook collapsed: {listed(list(found))}. Strategies share "
        "such an auto-encoder; its trials are shown and averaged with the others."
    )
