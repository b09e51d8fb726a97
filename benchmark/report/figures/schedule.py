"""Draw strengths over training before any training: what a suite's strategies intend to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from benchmark.report.figures.style import GREY, strategy_styles
from benchmark.report.words.formatting import shortened

_COLUMNS = 5
Schedule = tuple[Sequence[float], Sequence[float]]  # shares of the stage's steps, strengths


def schedule_figure(schedules: Mapping[str, Schedule], notes: Mapping[str, str]) -> Figure:
    """Draw one panel per strategy; `notes` say beside a name what its curve leaves out."""
    columns = min(_COLUMNS, len(schedules))
    rows = math.ceil(len(schedules) / columns)
    figure = Figure(figsize=(max(2.1 * columns, 4.6) + 0.5, 2.0 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    styles = strategy_styles(list(schedules))
    for axis, (name, (shares, strengths)) in zip(axes, schedules.items(), strict=False):
        axis.plot(shares, strengths, color=styles[name].color, linewidth=2.0, clip_on=False)
        axis.set_title(shortened(name), fontweight="bold", fontsize=9)
        if name in notes:
            axis.text(0.5, 0.9, notes[name], ha="center", va="top", fontsize=7.5, color=GREY, wrap=True)
    for axis in axes[len(schedules) :]:
        axis.set_axis_off()
    for axis in axes[max(0, len(schedules) - columns) : len(schedules)]:
        axis.set_xlabel("share of steps")
        axis.tick_params(labelbottom=True)
    for axis in axes[::columns]:
        axis.set_ylabel("strength")
    axes[0].set(ylim=(-0.04, 1.04), xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "½", "1"])
    return figure
