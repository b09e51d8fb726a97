"""Render a report's figures: many panels on every core, few at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence

from matplotlib.figure import Figure

from benchmark.cores import usable_cores
from benchmark.report.figures.style import rendered

Rendered = dict[str, bytes]  # by file type
MANY = 100  # panels in all; fewer are drawn before other processes have begun
_MOST = 4  # processes
_waiting: Sequence[Figure] = ()  # what forked processes find when they begin: figures need no copying


@contextlib.contextmanager
def rendering(figures: Sequence[Figure]) -> Iterator[Callable[[], list[Rendered]]]:
    """Render figures as PNG, SVG and PDF beside what is done inside; call what is given for their images.

    The same bytes wherever they are drawn. Processes are forked only while this one has no other thread,
    which is when that is safe.
    """
    global _waiting
    processes = min(usable_cores(), _MOST, len(figures))
    many = sum(len(figure.axes) for figure in figures) >= MANY
    if not many or processes < 2 or threading.active_count() > 1 or not hasattr(os, "fork"):
        images = [rendered(figure) for figure in figures]
        yield lambda: images
        return
    _waiting = figures
    order = sorted(range(len(figures)), key=lambda place: -len(figures[place].axes))  # the longest first
    try:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            drawn = pool.map_async(_render, order, chunksize=1)
            yield lambda: [images for _, images in sorted(drawn.get(), key=lambda pair: pair[0])]
    finally:
        _waiting = ()


def _render(place: int) -> tuple[int, Rendered]:
    return place, rendered(_waiting[place])
