"""Put the comparison of two runs into words and tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.two_runs.compare import Pairing, TwoRuns
from benchmark.report.words.formatting import (
    decimals_for,
    decimals_of_differences,
    interval,
    mean_and_half_width,
    p_text,
)
from benchmark.report.words.markdown import Column, markdown

_SHOWN = ("kid", "fid", "recall", "nearest_training_ratio")  # after the headline


def two_runs_text(runs: TwoRuns) -> str:
    """Return README.md: what differs in the scores, then in the circumstances."""
    lines = [f"# {runs.first.name}: two runs", "", *verdict_lines(runs), ""]
    for title, table in score_tables(runs):
        lines += [f"## {title}", "", *table, ""]
    lines += ["## Circumstances that differ", "", *circumstance_lines(runs)]
    lines += ["", "## Trials done in one run only", "", *one_sided_lines(runs)]
    return "\n".join(lines) + "\n"


def score_tables(runs: TwoRuns) -> list[tuple[str, list[str]]]:
    """Return title and Markdown table of every main score that both runs have."""
    keys = (runs.first.headline.key, *_SHOWN)
    found = [(runs.first.score(key).title, runs.of(key)) for key in keys]
    return [(title, markdown(pairing_columns(pairings))) for title, pairings in found if pairings]


def circumstance_lines(runs: TwoRuns) -> list[str]:
    """Return the Markdown lines on hardware, code, versions and settings."""
    if not runs.circumstances:
        return ["None is recorded: hardware, code, versions and settings are the same."]
    what, first, second = zip(*runs.circumstances, strict=True)
    return markdown([("what", list(what)), ("first", _code(first)), ("second", _code(second))], words=True)


def one_sided_lines(runs: TwoRuns) -> list[str]:
    """Return the Markdown lines on trials that one run lacks."""
    return [f"- {name}" for name in runs.only_in_one] or ["None."]


def verdict_lines(runs: TwoRuns) -> list[str]:
    """Say how many pairs are identical, and where intervals exclude zero."""
    headline = runs.first.headline.key
    found = runs.of(headline)
    pairs = sum(pairing.difference.n for pairing in found)
    same = sum(pairing.identical for pairing in found)
    apart = [
        p for p in found if p.difference.side_of_zero in ("below", "above") and p.identical < p.difference.n
    ]
    sentences = [
        f"First: {runs.names[0]}. Second: {runs.names[1]}. {same} of {pairs} pairs have the same "
        f"{runs.first.score(headline).title} to the last bit."
    ]
    if same < pairs:
        named = "; ".join(f"{p.strategy} at {p.budget} ({p.dataset})" for p in apart)
        expected = 0.05 * sum(p.difference.has_interval for p in found)
        sentences.append(
            f"Paired 95 % intervals that exclude zero: {named or 'none'} (without any difference about "
            f"{expected:.1f} would be expected). Smallest Holm-corrected p: "
            f"{p_text(min(p.p_holm for p in found))}."
        )
    return [" ".join(sentences)]


def pairing_columns(found: Sequence[Pairing]) -> list[Column]:
    """Return one row per dataset, budget and strategy."""
    key = found[0].key if found else ""
    means = decimals_for([e for p in found for e in (p.first, p.second)], key)
    differences = decimals_of_differences(p.difference for p in found)
    return [
        ("dataset", [p.dataset for p in found]),
        ("images", [str(p.budget) for p in found]),
        ("strategy", [f"`{p.strategy}`" for p in found]),
        ("first", [mean_and_half_width(p.first, means) for p in found]),
        ("second", [mean_and_half_width(p.second, means) for p in found]),
        ("difference [95 %]", [interval(p.difference, differences) for p in found]),
        ("pairs", [str(p.difference.n) for p in found]),
        ("identical", [str(p.identical) for p in found]),
        ("p", [p_text(p.p) for p in found]),
        ("p (Holm)", [p_text(p.p_holm) for p in found]),
    ]


def _code(texts: Sequence[str]) -> list[str]:
    return [f"`{text}`" for text in texts]
