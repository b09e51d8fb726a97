"""Lay out what FID does not see: augmentation that leaks into samples, and copies of training images."""

from __future__ import annotations

from benchmark.report.formatting import score_texts
from benchmark.report.scores import leak_keys, score
from benchmark.report.statistics import Comparison, remembered
from benchmark.report.tables import Column, markdown

# Read together: distances to the nearest training image, FID against different references, copying tests.
_MEMORISATION = (
    "nearest_training_ratio",
    "fid",
    "fid_train",
    "fid_pool",
    "fid_infinity",
    "c_t",
    "auth_pct",
)


@remembered
def leak_lines(comparison: Comparison) -> list[str]:
    """Return the section's lines: one table per dataset and subject, only of scores the records hold."""
    lines: list[str] = []
    for dataset in comparison.suite.datasets:
        leaks = _table(comparison, dataset, leak_keys(comparison.metrics))
        copies = _table(comparison, dataset, [k for k in _MEMORISATION if k in comparison.metrics])
        if leaks:
            lines += [f"{dataset}: {_LEAKAGE}", "", *markdown(leaks), ""]
        if copies:
            lines += [f"{dataset}: {_COPIES}", "", *markdown(copies), ""]
    return lines or ["The records hold neither leakage nor memorisation scores."]


def _table(comparison: Comparison, dataset: str, keys: list[str]) -> list[Column]:
    cells = comparison.at(dataset)
    keys = [key for key in keys if any(cell.score(key).n for cell in cells)]
    if not keys:
        return []
    return [
        ("images", [str(cell.budget) for cell in cells]),
        ("strategy", [f"`{cell.strategy}`" for cell in cells]),
        ("n", [str(cell.done) for cell in cells]),
        *((score(key).title, score_texts(cells, key)) for key in keys),
    ]


_LEAKAGE = (
    "how much of each operation of the augmentation space appears in samples: 0 as in clean held-out "
    "images, 1 as in fully augmented ones. ±: half a 95 % Student-t interval over seeds."
)
_COPIES = (
    "signs of memorising. Nearest-training ratio: median distance of samples to their nearest training image "
    "over that of held-out images; well below 1 is copying. An FID rewards copying."
)
