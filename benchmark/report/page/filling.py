"""Fill the page: everything it shows is inside it, nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.figures.style import strategy_styles
from benchmark.report.page.inlining import figure_markup, prose
from benchmark.report.page.main_table import main_table
from benchmark.report.page.sample_strips import StripBlock
from benchmark.report.words.efficiency import efficiency_lines
from benchmark.report.words.findings import findings
from benchmark.report.words.leakage import leak_lines
from benchmark.report.words.limits import limit_lines
from benchmark.report.words.paired import paired_lines
from benchmark.report.words.provenance import (
    environment_lines,
    own_settings_lines,
    shared_settings_lines,
    unfinished_lines,
)
from benchmark.report.words.readme import Caption, reproduce_lines, result_lines, status_line

_HERE = Path(__file__).parent
_FILES = (
    "Beside this page: [table.csv](table.csv) (every number), [records.parquet](records.parquet) (every "
    "record), [table.tex](table.tex) (for a paper), [README.md](README.md) (the same in Markdown)."
)


def page_text(
    comparison: SuiteComparison,
    figures: Sequence[tuple[Caption, Mapping[str, bytes]]],
    notes: Sequence[str],
    blocks: Sequence[StripBlock],
) -> str:
    """Return index.html. `figures` are rendered; image grids among them are shown from `blocks`."""
    suite = comparison.suite
    summary, shared = shared_settings_lines(comparison)
    styles = strategy_styles(suite.strategies)
    drawn = [(caption, images) for caption, images in figures if not caption.is_image_grid]
    values: dict[str, Any] = {
        "name": suite.name,
        "title": suite.title,
        "status": prose([status_line(suite, _FILES)]),
        "answer": prose([*findings(comparison), "", *limit_lines(comparison)]),
        "table": main_table(comparison),
        "full_tables": prose(result_lines(comparison)),
        "paired": prose(paired_lines(comparison)),
        "efficiency": prose(efficiency_lines(comparison)),
        "leaks": prose(leak_lines(comparison)),
        "figures": [
            figure_markup(f"f{place}-", caption, images) for place, (caption, images) in enumerate(drawn)
        ],
        "notes": notes,
        "blocks": blocks,
        "colors": {name: style.color for name, style in styles.items()},
        "unfinished": prose(unfinished_lines(comparison)),
        "protocol": prose(own_settings_lines(comparison)),
        "shared_summary": summary,
        "shared": prose(shared),
        "environment": prose(environment_lines(comparison)),
        "reproduce": prose(reproduce_lines(comparison)),
    }
    return filled("page.html.jinja", values)


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
