"""Fill the page: everything it shows is inside it, nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmark.report.figures.style import GREY, strategy_styles
from benchmark.report.page.inlining import figure_markup, prose
from benchmark.report.page.main_table import main_table
from benchmark.report.page.sample_strips import StripBlock
from benchmark.report.reading.scores import MARGINALS_NAME
from benchmark.report.words.protocol import own_settings_lines, shared_settings_lines
from benchmark.report.words.readme import status_line
from benchmark.report.words.section import Caption, Contents, Section, page_order

_HERE = Path(__file__).parent
_FILES = (
    "Beside this page: [table.csv](table.csv) (every number), [records.parquet](records.parquet) (every "
    "record), [table.tex](table.tex) (for a paper), [README.md](README.md) (the same in Markdown)."
)


@dataclass(frozen=True)
class PageSection:
    """Hold a section as the page shows it; `inner` are those that stand under its heading."""

    heading: str
    anchor: str
    name: str
    link: str
    body: Markup
    inner: tuple[PageSection, ...] = ()


def page_text(
    contents: Contents,
    sections: Sequence[Section],
    figures: Sequence[tuple[Caption, Mapping[str, bytes]]],
    blocks: Sequence[StripBlock],
) -> str:
    """Return index.html. `figures` are rendered; image grids among them are shown from `blocks`."""
    comparison = contents.comparison
    suite = comparison.suite
    summary, shared = shared_settings_lines(comparison)
    colors = {name: style.color for name, style in strategy_styles(suite.strategies).items()}
    drawn = [(caption, images) for caption, images in figures if not caption.is_image_grid]
    values: dict[str, Any] = {
        "name": suite.name,
        "title": suite.title,
        "sections": page_sections(contents, sections),
        # what parts need beside their section's words
        "status": prose([status_line(suite, _FILES)]),
        "table": main_table(comparison),
        "figures": [
            figure_markup(f"f{place}-", caption, images) for place, (caption, images) in enumerate(drawn)
        ],
        "notes": contents.notes,
        "blocks": blocks,
        "colors": {MARGINALS_NAME: GREY} | colors,
        "own_settings": prose(own_settings_lines(comparison)),
        "shared_summary": summary,
        "shared": prose(shared),
    }
    return filled("page.html.jinja", values)


def page_sections(contents: Contents, sections: Sequence[Section]) -> list[PageSection]:
    """Return the sections that have words, or a part of the page, in the page's order."""
    found = []
    for section in page_order(sections):
        inner = [other for other in sections if other.page_within == section.heading]
        lines = section.lines(contents)
        if lines or (_HERE / "parts" / f"{section.anchor}.html.jinja").is_file():
            found.append(_page_section(section, lines, [_page_section(o, o.lines(contents)) for o in inner]))
    return found


def _page_section(section: Section, lines: Sequence[str], inner: Sequence[PageSection] = ()) -> PageSection:
    return PageSection(
        section.heading,
        section.anchor,
        section.name or section.heading.split()[0].lower(),
        section.link or section.heading,
        prose(lines),
        tuple(inner),
    )


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Fill a page that extends the shell; style and script are the same for all."""
    common = {
        "style": Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        "script": Markup((_HERE / "page.js").read_text(encoding="utf-8")),
    }
    pages = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["script_json"] = _script_json
    return pages.get_template(template).render({**common, **values})


def _script_json(value: object) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
