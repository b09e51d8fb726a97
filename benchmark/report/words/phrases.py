"""Put into a phrase what a family of tests or an equivalent sample size comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmark.report.comparing.data_efficiency import Equivalent
from benchmark.report.comparing.significance import LEVEL, Contrast, least_p, seeds_for_level
from benchmark.report.words.formatting import listed, spread


def stars_phrase(found: Sequence[Contrast]) -> str:
    """Say who earned a star, or that the number of pairs rules stars out."""
    pairs = [contrast.difference.n for contrast in found]
    family, most = len(found), max(pairs)
    if least_p(most) * family > LEVEL:
        alone = seeds_for_level(1)
        needed = seeds_for_level(family)
        together = f" and {needed} for a family of {family}" if family > 1 else ""
        return (
            f"No stars: with {spread(pairs)} pair{'s' * (most > 1)} no p-value can be below "
            f"{least_p(most):.2g}, whatever the effect; {alone} seeds are the least for one "
            f"comparison{together} at {LEVEL:g}."
        )
    starred = [f"`{c.cell.strategy}` at {c.cell.budget}" for c in found if c.is_significant]
    return f"★: corrected p at most {LEVEL:g}{f' ({listed(starred)})' if starred else '; none here'}."


def equivalent_sentences(found: list[Equivalent], baseline: str | None) -> list[str]:
    """Return a sentence for each equivalent that lies inside the budgets or beyond the largest one."""
    several = len({e.dataset for e in found}) > 1
    sentences = []
    for e in found:
        where = f" on {e.dataset}" if several else ""
        if not e.is_before:
            verb = "does better than" if e.is_beyond else "equals"
            at = f"any budget measured, up to {_count(e.images)}" if e.is_beyond else images_phrase(e)
            tail = f" {_interval(e)}" if e.is_beyond else ""
            sentences.append(
                f"`{e.strategy}` at {e.budget} images{where} {verb} `{baseline}` at {at}{tail} (n = {e.n})."
            )
    return sentences


def images_phrase(found: Equivalent) -> str:
    """Format an equivalent sample size with its interval."""
    images = _count(found.images)
    if found.is_beyond:
        images = f"≥ {images}"
    if found.is_before:
        images = f"≤ {images}"
    return f"{images} {_interval(found)}".rstrip()


def _interval(found: Equivalent) -> str:
    if math.isnan(found.low):
        return "(one seed, no interval)"
    low = f"≤ {_count(found.low)}" if found.open_below else _count(found.low)
    high = f"≥ {_count(found.high)}" if found.open_above else _count(found.high)
    return f"[{low}, {high}]"


def _count(images: float) -> str:
    return f"{images:.0f}"
