"""Draw what the model saw: each strategy's views, from the first step of training to the last."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.samples import GridRow, lay_out
from benchmark.report.figures.style import strategy_styles
from benchmark.report.words.formatting import shortened

ViewImages = NDArray[np.uint8]  # (points, shown, H, W, C)


@dataclass(frozen=True)
class SeenViews:
    """Hold the views of one strategy, the images they were made from, and the shares of the stage."""

    views: ViewImages
    clean: ViewImages
    progress: tuple[float, ...]
    stage: str


def load_views(runs: Path, trial_id: str) -> SeenViews | None:
    """Load the views a trial kept; None when it kept none or they are not readable."""
    path = runs / "artifacts" / trial_id / "views.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            views, clean = (np.asarray(stored[name], dtype=np.uint8) for name in ("views", "clean"))
            return SeenViews(views, clean, tuple(stored["progress"].tolist()), str(stored["stage"]))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


def seen_views(
    comparison: SuiteComparison, runs: Path, dataset: str
) -> tuple[int, int, dict[str, SeenViews]]:
    """Return (budget, seed, views by strategy): the largest budget, its lowest seed with most strategies."""
    suite = comparison.suite
    for budget in sorted(suite.budgets(dataset), reverse=True):
        by_seed: dict[int, dict[str, SeenViews]] = {}
        for strategy in suite.strategies:
            for trial in suite.planned(dataset, budget, strategy):
                views = load_views(runs, trial.id) if trial in suite.records else None
                if views is not None:
                    by_seed.setdefault(trial.seed, {})[strategy] = views
        if by_seed:
            seed = min(by_seed, key=lambda seed: (-len(by_seed[seed]), seed))
            return budget, seed, by_seed[seed]
    return 0, 0, {}


def views_figure(seen: Mapping[str, SeenViews], strategies: Sequence[str], title: str) -> Figure:
    """Draw a row per strategy and a group of columns per share of the stage, under the clean images.

    The clean images are those of the first strategy with views: what `none`, which has none, saw.
    """
    first = next(iter(seen.values()))
    rows = [GridRow("clean images", first.clean.reshape(-1, *first.clean.shape[2:]), bold=True)]
    styles = strategy_styles(strategies)
    for name in strategies:
        if name in seen:
            stage = "" if seen[name].stage == "prior" else f" ({seen[name].stage})"
            views = seen[name].views.reshape(-1, *seen[name].views.shape[2:])
            rows.append(GridRow(shortened(name, 30) + stage, views, bold=True, color=styles[name].color))
    return lay_out(rows, title, [f"{share:.0%} of the steps" for share in first.progress])
