"""The sections of a report, in the order of README.md: to add one is an entry here and its file of words."""

from __future__ import annotations

from benchmark.report.comparing.variance_split import has_repeats
from benchmark.report.words.advice import advice_lines
from benchmark.report.words.efficiency import efficiency_lines
from benchmark.report.words.environment import environment_lines, reproduce_lines
from benchmark.report.words.figures import figure_lines
from benchmark.report.words.findings import findings
from benchmark.report.words.leakage import leak_lines
from benchmark.report.words.limits import limit_lines
from benchmark.report.words.paired import paired_lines
from benchmark.report.words.protocol import protocol_lines
from benchmark.report.words.results import result_lines
from benchmark.report.words.section import Contents, Section
from benchmark.report.words.unfinished import unfinished_lines
from benchmark.report.words.variance import variance_lines


def _answer(contents: Contents) -> list[str]:
    return [*findings(contents.comparison), "", *limit_lines(contents.comparison)]


def _paired(contents: Contents) -> list[str]:
    found = contents.comparison
    split = ["", *variance_lines(found), *advice_lines(found)] if has_repeats(found) else []
    return [*paired_lines(found), *split]


SECTIONS = (
    Section("Answer", _answer),
    Section("Results", lambda contents: result_lines(contents.comparison)),
    Section("Paired comparisons", _paired),
    Section("Data efficiency", lambda contents: efficiency_lines(contents.comparison), name="efficiency"),
    Section(
        "Leakage and memorisation",
        lambda contents: leak_lines(contents.comparison),
        name="leaks",
        page_after="Samples",
    ),
    Section("Figures", figure_lines),
    Section("Samples", lambda _: []),  # README.md shows them among its figures
    Section(
        "Failed and missing trials",
        lambda contents: unfinished_lines(contents.comparison),
        name="unfinished",
        link="Failed and missing",
    ),
    Section("Protocol", lambda contents: protocol_lines(contents.comparison)),
    Section("Environment", lambda contents: environment_lines(contents.comparison), page_within="Protocol"),
    Section("Reproduce", lambda contents: reproduce_lines(contents.comparison)),
)
