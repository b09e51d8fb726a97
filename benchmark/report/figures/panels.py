"""Choose what the figure of budgets shows: the headline, its paired difference, and scores of samples."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.report.comparing.comparison import SuiteComparison
from benchmark.report.reading.protocol import features_phrase, protocol_record
from benchmark.report.reading.scores import way_phrase
from benchmark.report.words.formatting import shortened, spread


@dataclass(frozen=True)
class Panel:
    """Say what one panel shows: a score, or its paired difference to the baseline."""

    key: str
    title: str
    note: str
    paired: bool = False
    line_at: float | None = None


def panels_of(comparison: SuiteComparison, dataset: str) -> list[Panel]:
    """Return the panels, without those of scores that no record has."""
    protocol = features_phrase(protocol_record(comparison.suite, dataset))
    baseline, headline = comparison.suite.baseline, comparison.headline
    way = way_phrase(headline.better)
    paired = [cell.difference(headline.key).n for cell in comparison.at(dataset) if cell.strategy != baseline]
    pairs = f"pairs: n = {spread(paired)}; {way}"
    difference = f"Paired difference to {shortened(baseline, 18)}" if baseline else "Paired difference"
    always = [
        Panel(headline.key, f"{headline.title[0].upper()}{headline.title[1:]}", way),
        Panel(headline.key, difference, f"{headline.in_short}; {pairs}", paired=True, line_at=0.0),
    ]
    samples = [
        Panel("kid", "KID", f"{protocol}; lower is better"),
        Panel("fid", "FID, rewards memorising", f"{protocol}; lower is better"),
        Panel("recall", "Recall", "higher is better"),
        Panel(
            "nearest_training_ratio",
            "Nearest-training ratio",
            "below 1: nearer than held-out images",
            line_at=1.0,
        ),
    ]
    return always + [panel for panel in samples if panel.key in comparison.metrics]
