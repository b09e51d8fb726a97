"""What `bench new` writes: for each kind of plugin a class or function that works, and its test."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.commands.templates import extractor, family, metric, source, strategy


@dataclass(frozen=True)
class Template:
    """Hold the two files of a kind; {name}, {class_name}, {title} and {spaced} are filled in.

    spoken: the kind with its article. use: how a suite names it, with {place} for `./NAME.py:CLASS`.
    function: whether it is a function, called by its own name. listing: what `bench list` calls the kind.
    """

    spoken: str
    source: str
    test: str
    use: str
    listing: str
    function: bool = False


TEMPLATES: dict[str, Template] = {
    "strategy": Template(
        "a strategy",
        strategy.SOURCE,
        strategy.TEST,
        "strategies, as a path relative to the suite: {place}",
        "strategies",
    ),
    "metric": Template(
        "a metric", metric.SOURCE, metric.TEST, '`evaluation: {{metrics: [kid, "{place}"]}}`', "metrics"
    ),
    "extractor": Template(
        "an extractor",
        extractor.SOURCE,
        extractor.TEST,
        '`evaluation: {{extractor: "{place}"}}`',
        "extractors",
    ),
    "source": Template(
        "a source", source.SOURCE, source.TEST, "datasets: `source: {place}`", "sources", function=True
    ),
    "family": Template("a family", family.SOURCE, family.TEST, '`model: {{family: "{place}"}}`', "families"),
}
