"""Say which numbers of a record are scores, and which of them leads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.metrics.names import COUNTS
from benchmark.report.reading.score_titles import SCORES, NamedScore

TrialRecord = Mapping[str, Any]  # what one trial left, flat
LEAK = "leak_"  # leak_<operation of the suite's augmentation space>
IMPOSSIBLE = "impossible_"  # impossible_<property of `shapes`>
FEW_SAMPLES = 2000  # below this many samples KID, which is unbiased, leads FID

MARGINALS = "bpd_marginals"  # of independent histograms, one per pixel, of the same training images
MARGINALS_NAME = "marginals (independent pixels)"

# Numbers that describe the trial, or the task, rather than the trial's outcome.
SETTINGS = frozenset(
    {
        "schema_version",
        "budget",
        "seed",
        "initialisation",
        "samples",
        "references",
        "codebook_size",
        "codes_steps",
        "prior_steps",
        *COUNTS,
        "extractor_accuracy",
        "pool_images",
        "budget_order_seed",
        "cpu_threads",
        MARGINALS,
    }
)


@dataclass(frozen=True)
class LeadScore:
    """Name the score that strategies are first compared by, as the manifest says; better: lower or higher."""

    key: str
    title: str  # in a sentence: "held-out bits/dim"
    unit: str  # "bits/dim"; may be empty
    better: str

    @property
    def in_short(self) -> str:
        """Return the unit, or the title of a score without one."""
        return self.unit or self.title

    @property
    def subject(self) -> str:
        """Return what the score says something about: bits are a likelihood's."""
        return "Likelihood" if self.unit.startswith("bit") else "Headline"

    @property
    def best(self) -> str:
        """Return what the best mean is."""
        return {"lower": "lowest", "higher": "highest"}[self.better]

    @property
    def good_side(self) -> str:
        """Return the side of zero on which a difference to the baseline is an improvement."""
        return {"lower": "below", "higher": "above"}[self.better]

    @property
    def gap(self) -> str:
        """Return the key of its gap between training and held-out images."""
        return f"{self.key.removesuffix('_heldout')}_gap"


BITS_PER_DIM = LeadScore("bpd_heldout", "held-out bits/dim", "bits/dim", "lower")


def score(key: str, headline: LeadScore = BITS_PER_DIM) -> NamedScore:
    """Return a score's name and direction; a plugin's score is called by its key.

    A headline's direction is its own, and so is its title where the house has none for it.
    """
    if key == headline.key:
        known = SCORES.get(key)
        return NamedScore(key, known.title if known else headline.title, headline.better)
    if key.startswith(LEAK):
        title = f"leakage of {key.removeprefix(LEAK).replace('_', ' ')}"
        return SCORES.get(key, NamedScore(key, title, "lower"))
    return SCORES.get(key, NamedScore(key, key))


def own_score(key: str, records: Iterable[TrialRecord]) -> NamedScore | None:
    """Return what records say a metric of the user's own is called; None for a key that is none of such."""
    for record in records:
        own = record.get("own_metrics")
        for name, about in own.items() if isinstance(own, dict) else ():
            part = key.removeprefix(name).strip("_").replace("_", " ")
            if isinstance(about, dict) and (key == name or key.startswith(f"{name}_")):
                better = about.get("better")
                title = " ".join(f"{about.get('title') or name} {part}".split())
                return NamedScore(key, title, better if better in ("lower", "higher") else "")
    return None


def way_phrase(better: str) -> str:
    """Say which way is better; nothing of a score that has none."""
    return f"{better} is better" if better else ""


def arrow(better: str) -> str:
    """Return the arrow of a heading with the blank before it; nothing of a score without a direction."""
    return {"lower": " ↓", "higher": " ↑"}.get(better, "")


def number_in(record: TrialRecord, key: str) -> float | None:
    """Return a record's finite number, or None where it is null, not finite or not a number."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def numeric_keys(records: Iterable[TrialRecord]) -> tuple[str, ...]:
    """List every score with a number in some record: known ones in house order, then plugins' by name."""
    every: set[str] = set()
    for record in records:
        every.update(key for key in record.keys() - every if number_in(record, key) is not None)
    found = set(without_bounds(every)) - SETTINGS
    return tuple(key for key in SCORES if key in found) + tuple(sorted(found - SCORES.keys()))


def judged_keys(keys: Iterable[str]) -> list[str]:
    """Keep the scores strategies are tested in: those with a better direction, and plugins'.

    Costs in seconds, the same scores on pixels and the ends of another score's interval are left to the
    table.
    """
    every = without_bounds(keys)
    known = [k for k in every if k in SCORES and SCORES[k].better and not k.endswith(("_seconds", "_pixels"))]
    return known + leak_keys(every) + plugin_keys(every)


def leak_keys(keys: Iterable[str]) -> list[str]:
    """Keep the leakage of each operation, without the ends of its interval."""
    return [key for key in without_bounds(keys) if key.startswith(LEAK)]


def without_bounds(keys: Iterable[str]) -> list[str]:
    """Drop <score>_low and <score>_high, the ends of an interval within one trial."""
    every = list(keys)
    bounds = {f"{key}_{end}" for key in every for end in ("low", "high")}
    return [key for key in every if key not in bounds]


def plugin_keys(keys: Iterable[str]) -> list[str]:
    """Keep the scores the house does not know."""
    return [key for key in without_bounds(keys) if key not in SCORES and not key.startswith(LEAK)]
