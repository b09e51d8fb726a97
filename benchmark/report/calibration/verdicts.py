"""Say in words what the measured shares of a calibration show."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.calibration.measure import (
    COMPARISONS,
    FAMILY,
    MeasuredShare,
    Seeds,
    binomial_range,
    skewness,
)


def calibration_verdicts(rows: Sequence[MeasuredShare], scores: dict[str, Seeds]) -> list[str]:
    """Say in words what the rows show."""
    lines = []
    same = [row for row in rows if row.question == "A/A: found" and "Holm" not in row.method]
    within = sum(row.is_as_expected for row in same)
    lines.append(
        f"- **No difference, nothing found.** `none` against itself, {COMPARISONS} times per row: {within} "
        f"of {len(same)} rows lie within chance of their level. Student-t intervals exclude zero, all "
        f"scores together, in {'; '.join(_pooled(same, 'Student-t interval'))}."
    )
    families = [row for row in rows if "Holm" in row.method]
    said = ", ".join(f"{row.share:.1%} ({row.score})" for row in families)
    lines.append(f"- **Families.** Any of {FAMILY} corrected p-values at most 0.05: {said}; Holm allows 5 %.")
    for method in dict.fromkeys(row.method for row in rows if row.question == "coverage"):
        by_pairs = []
        for pairs in dict.fromkeys(row.pairs for row in rows if row.question == "coverage"):
            chosen = [r for r in rows if (r.question, r.method, r.pairs) == ("coverage", method, pairs)]
            by_pairs.append(f"{_shares(chosen, method)} at {pairs}")
        lines.append(f"- **Coverage, {method}** (named after 95 %): {', '.join(by_pairs)} pairs.")
    lines.append(
        "- **Hence the report shows Student-t intervals** at every number of pairs: at three they come "
        "nearest to what they say, and with more they lose nothing. They are not exact: scores that "
        "scatter unlike a normal distribution move them by the points above. Percentile intervals stand in "
        "table.csv (`*_diff_boot_low`, `*_diff_boot_high`); below ten pairs they are too short to be "
        "believed."
    )
    return [*lines, _planted_verdict(rows, scores)]


def _planted_verdict(rows: Sequence[MeasuredShare], scores: dict[str, Seeds]) -> str:
    said = []
    for score, seeds in scores.items():
        effects = [
            row
            for row in rows
            if (row.question, row.method, row.score) == ("planted: found", "Student-t interval", score)
        ]
        worst = max(abs(row.share - row.expected) for row in effects)
        skewed = [skewness(values - seeds["none"]) for name, values in seeds.items() if name != "none"]
        said.append(
            f"`{score}` {sum(row.is_as_expected for row in effects)} of {len(effects)} rows within chance, "
            f"at most {100 * worst:.1f} points off (skewness of differences {min(skewed):+.1f} to "
            f"{max(skewed):+.1f})"
        )
    return (
        f"- **Planted effects** against the power `bench power` states: {'; '.join(said)}. The formula is "
        "that of normal differences; where they are skewed, small effects in few pairs are found less "
        "often than stated, large ones more often."
    )


def _pooled(rows: Sequence[MeasuredShare], method: str) -> list[str]:
    """Say one method's share at each number of pairs, all scores together, and what chance allows."""
    parts = []
    for pairs in dict.fromkeys(row.pairs for row in rows):
        chosen = [row for row in rows if (row.pairs, row.method) == (pairs, method)]
        found, tries = sum(row.found for row in chosen), sum(row.tries for row in chosen)
        low, high = (100 * count / tries for count in binomial_range(tries, chosen[0].expected))
        allowed = f"chance allows {low:.1f} to {high:.1f} %"
        parts.append(f"{100 * found / tries:.1f} % at {pairs} pairs ({allowed})")
    return parts


def _shares(rows: Sequence[MeasuredShare], method: str) -> str:
    shares = [row.share for row in rows if row.method == method]
    low, high = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} %"
