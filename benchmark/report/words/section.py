"""One section of a report: its name and its words, in README.md and on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.report.comparing.comparison import SuiteComparison


@dataclass(frozen=True)
class Caption:
    """Name a figure's file (without suffix) and say what it shows."""

    stem: str
    text: str
    is_image_grid: bool = False  # shown image by image on the page


@dataclass(frozen=True)
class Contents:
    """Hold what sections are written from; `notes` name figures that could not be drawn."""

    comparison: SuiteComparison
    captions: Sequence[Caption] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """Name a section and say where its Markdown comes from.

    A section without lines does not apply and is left out; the page still shows one that has a part of its
    own in `page/parts`.
    """

    heading: str
    lines: Callable[[Contents], list[str]]
    name: str = ""  # in the page's ids, where it is not the heading's first word
    link: str = ""  # in the page's navigation, where it is not the heading
    page_after: str = ""  # the heading it follows on the page, where that is another than in README.md
    page_within: str = ""  # the heading it stands under on the page, where it is none of its own

    @property
    def anchor(self) -> str:
        """Return what a link to it says after the #, the same in README.md and on the page."""
        return self.heading.lower().replace(" ", "-")


def page_order(sections: Sequence[Section]) -> list[Section]:
    """Return the page's own sections in its order."""
    own = [section for section in sections if not section.page_within]
    order = [section for section in own if not section.page_after]
    for section in own:
        if section.page_after:
            place = [other.heading for other in order].index(section.page_after)
            order.insert(place + 1, section)
    return order
