"""README.md and the page are built from one list of sections."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_records import write_suite

from benchmark.report import write_report, writing
from benchmark.report.words.section import Section, page_order
from benchmark.report.words.sections import SECTIONS


def written(root: Path) -> tuple[str, str]:
    """Return README.md and index.html of made records."""
    manifest = write_suite(root / "runs")
    write_report(manifest, manifest.parent.parent, root / "report")
    return tuple((root / "report" / name).read_text() for name in ("README.md", "index.html"))  # type: ignore[return-value]


def test_readme_page_and_navigation_follow_the_list(tmp_path: Path) -> None:
    readme, page = written(tmp_path)
    said = re.findall(r"^## (.*)$", readme, re.MULTILINE)
    assert said == [section.heading for section in SECTIONS if section.heading != "Samples"]
    shown = re.findall(r'<section id="([^"]+)" aria-labelledby="([^"]+)">\n<h2 id="([^"]+)">([^<]+)<', page)
    assert [(anchor, heading) for anchor, _, _, heading in shown] == [
        (section.anchor, section.heading) for section in page_order(SECTIONS)
    ]
    assert all(label == title for _, label, title, _ in shown)
    links = re.findall(r'<a href="#([^"]+)">', page.split("<nav")[1].split("</nav>")[0])
    assert links == [anchor for anchor, *_ in shown]
    assert "<h3>Environment</h3>" in page.split('id="protocol"')[1].split("</section>")[0]


def test_a_section_is_one_entry_and_stands_in_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = (
        Section("Weather", lambda contents: [f"Dry on *{contents.comparison.suite.name}*."]),
        Section("Tides", lambda _: []),  # does not apply
    )
    monkeypatch.setattr(writing, "SECTIONS", (*SECTIONS, *new))
    readme, page = written(tmp_path)
    assert readme.endswith("## Weather\n\nDry on *tiny*.\n")
    assert '<h2 id="weather-title">Weather</h2>\n<p>Dry on <em>tiny</em>.</p>' in page
    assert '<a href="#weather">Weather</a>' in page
    assert "Tides" not in readme + page
