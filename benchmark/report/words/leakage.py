"""Lay out what FID does not see: augmentation that leaks into samples, and copies of training images."""

from __future__ import annotations

from benchmark.report.comparing.comparison import SuiteComparison, remembered
from benchmark.report.reading.score_titles import SCORES
from benchmark.report.reading.scores import IMPOSSIBLE, leak_keys
from benchmark.report.words.formatting import score_texts
from benchmark.report.words.markdown import Column, markdown

# Read together; a record has those its suite asked for.
_COPYING = (
    "nearest_training_ratio",
    "authenticity",
    "copying_z",
    "fid_train",
    "fid_pool",
    "fid_heldout",
    "fid_heldout_minus_train",
)
_FLOORS = ("fid_floor", "fid_inf", "kid_floor")


@remembered
def leak_lines(comparison: SuiteComparison) -> list[str]:
    """Return the section's lines: one table per dataset and subject, only of scores the records hold."""
    lines: list[str] = []
    floors = [key for key in _FLOORS if key in comparison.metrics]
    tables = {
        _LEAKAGE: leak_keys(comparison.metrics),
        _TRUTH: [key for key in SCORES if key.startswith(IMPOSSIBLE) and key in comparison.metrics],
        _COPIES: [key for key in _COPYING if key in comparison.metrics],
        _FLOORED: ["fid", "kid", *floors] if floors else [],
    }
    for dataset in comparison.suite.datasets:
        for text, keys in tables.items():
            if columns := _table(comparison, dataset, keys):
                lines += [f"{dataset}: {text}", "", *markdown(columns), ""]
    return lines or ["The records hold neither leakage nor memorisation scores."]


def _table(comparison: SuiteComparison, dataset: str, keys: list[str]) -> list[Column]:
    cells = comparison.at(dataset)
    keys = [key for key in keys if any(cell.score(key).n for cell in cells)]
    if not keys:
        return []
    return [
        ("images", [str(cell.budget) for cell in cells]),
        ("strategy", [f"`{cell.strategy}`" for cell in cells]),
        ("n", [str(cell.done) for cell in cells]),
        *((comparison.suite.score(key).title, score_texts(cells, key)) for key in keys),
    ]


_LEAKAGE = (
    "how much of each operation of the augmentation space appears in samples: 0 as in clean held-out "
    "images, 1 as in fully augmented ones. ±: half a 95 % Student-t interval over seeds."
)
_TRUTH = (
    "share of samples that the true distribution never draws, so that leakage is counted without a probe: "
    "images that no figure explains, and of the others those that are mirrored or lie outside the range of "
    "a property. Real images score 0."
)
_COPIES = (
    "signs of copying. Nearest-training ratio: median distance of samples to their nearest training image "
    "over that of held-out images; well below 1 is copying. Where recorded: the authentic share falls and "
    "C_T goes far below 0 when samples copy, and an FID to the training subset below that to held-out "
    "images rewards it."
)
_FLOORED = (
    "how low a distance can get: real images against real ones at the same number (floor), and the distance "
    "extrapolated to infinitely many images. Differences near a floor are noise."
)
