"""Draw every figure that a suite's records allow, and say which they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from benchmark.naming import file_stems
from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.budgets import budget_figure
from benchmark.report.figures.crosstalk import crosstalk_figure
from benchmark.report.figures.leakage import leakage_figure
from benchmark.report.figures.learning import learning_figure
from benchmark.report.figures.samples import GridImages, grid_images, sample_figure
from benchmark.report.figures.strength import strength_figure
from benchmark.report.figures.views import seen_views, views_figure
from benchmark.report.words.section import Caption


@dataclass(frozen=True)
class DrawnFigure:
    """Hold a figure and its caption; a grid of samples also its title and its images by strategy."""

    caption: Caption
    figure: Figure
    title: str = ""
    images: Mapping[str, Mapping[str, GridImages]] = field(default_factory=dict)


def report_figures(comparison: SuiteComparison, runs: Path, notes: list[str]) -> Iterator[DrawnFigure]:
    """Yield every figure that the records allow; add a note for each one they do not."""
    for dataset, stem in file_stems(comparison.suite.datasets).items():
        yield from _of_records(comparison, dataset, stem, notes)
        size, seed, seen = seen_views(comparison, runs, dataset)
        if seen:
            title = f"{dataset}, {size} training images, seed {seed}"
            sheet = views_figure(seen, comparison.suite.strategies, title)
            yield DrawnFigure(Caption(f"{stem}-views", f"{title}: {_VIEWS}"), sheet)
        for budget in comparison.suite.budgets(dataset):
            seed, found = grid_images(comparison, runs, dataset, budget)
            absent = [f"`{name}`" for name in comparison.suite.strategies if name not in found]
            where = f"{dataset}, {budget} training images"
            if absent:
                notes.append(f"No readable sample images for {', '.join(absent)} ({where}, seed {seed}).")
            if found:
                title = f"{where}, seed {seed}"
                caption = Caption(f"{stem}-samples-{budget}", f"{title}: {_SAMPLES}", is_image_grid=True)
                yield DrawnFigure(caption, sample_figure(comparison, found, title), title, found)


def _of_records(
    comparison: SuiteComparison, dataset: str, stem: str, notes: list[str]
) -> Iterator[DrawnFigure]:
    """Yield what is drawn from records alone."""
    budgets = Caption(f"{stem}-budgets", f"{dataset}: {_BUDGETS}")
    yield DrawnFigure(budgets, budget_figure(comparison, dataset))
    for name, text, draw, what in (
        ("leakage", _LEAKAGE, leakage_figure, "leakage"),
        ("crosstalk", _CROSSTALK, crosstalk_figure, "cross-talk of leakage probes"),
        ("strength", _STRENGTH, strength_figure, "strength curves"),
        ("learning", _LEARNING, learning_figure, "learning curves"),
    ):
        figure = draw(comparison, dataset)
        if figure is None:
            notes.append(f"No {what} of {dataset}: its records hold none.")
        else:
            yield DrawnFigure(Caption(f"{stem}-{name}", f"{dataset}: {text}"), figure)


_BUDGETS = (
    "scores against the number of training images. Points are means over seeds, bars 95 % Student-t "
    "intervals, dots single seeds; strategies stand side by side at each budget. A bar that meets the frame "
    "goes on beyond it."
)
_STRENGTH = (
    "augmentation strength over the training of the prior. Strength as recorded at each evaluation is drawn "
    "over the steps before it. A strategy whose strength is the same in every trial has one line; any other "
    "has one per budget and seed, of six seeds at most."
)
_LEARNING = (
    "the prior's rate over training. Both code maps; held-out images solid, training images dashed, one line "
    "per seed, at most six. Rates compare only where perplexity (top / bottom) and reconstruction MSE, "
    "printed above each panel, are alike. Heights fit what follows the first tenth of training, which may "
    "leave the frame."
)
_LEAKAGE = (
    "how much of each operation appears in samples: 0 as in clean held-out images, 1 as in fully augmented "
    "ones. Bars are means over seeds, dots single seeds, lines 95 % Student-t intervals. An operation that "
    "the probes cannot tell from clean images has no bar. The bars of `none` show what the model itself "
    "does. A line that meets the frame goes on beyond it."
)
_CROSSTALK = (
    "cross-talk of the leakage probes. Each row is real held-out images with one operation alone at full "
    "strength, each column what that operation's probe makes of them, on the scale of leakage: off the "
    "diagonal, what one operation adds to another's bar. Above 1: seen more clearly alone than among all."
)
_VIEWS = (
    "what the model saw. The first images of the batch at five steps of training, as each strategy drew "
    "them; clean images above. A strategy without a row saw clean images; one that keeps "
    "images back for validation draws batches of its own."
)
_SAMPLES = (
    "real and sampled images. Held-out images and their reconstructions, then each strategy's samples, not "
    "selected, with the nearest training image under each."
)
