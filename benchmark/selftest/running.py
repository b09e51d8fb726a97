"""Run the self-test over datasets and extractors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmark.metrics.extractor_base import Extractor
from benchmark.metrics.extractors import EXTRACTORS, load_extractor
from benchmark.selftest.cases import check_without_extractor, judge_extractor
from benchmark.selftest.check import Check
from benchmark.selftest.planting import Planted, plant
from benchmark.selftest.table import csv_of_checks, markdown_text
from pcvq2.trainer.whole_file import write_whole

DEFAULT = ("random",)


def run_selftest(
    datasets: Sequence[str], extractors: Sequence[str], console: Console, output: Path | None
) -> bool:
    """Print every check, write the table where it is wanted, and say whether all held.

    A classifier cannot be had for a dataset without labels: that is noted and skipped. Raises UserError for
    what is unknown or missing.
    """
    checks: list[Check] = []
    notes: list[str] = []
    for source in datasets or ["digits"]:
        planted = plant(source)
        for name in extractors or DEFAULT:
            extractor = _extractor(name, planted)
            if isinstance(extractor, str):
                notes.append(extractor)
                console.print(f"SKIPPED {extractor}", soft_wrap=True)
                continue
            accuracy = getattr(extractor, "accuracy", None)
            if accuracy is not None:
                right = f"{accuracy:.1%} of {len(planted.dataset.heldout)} held-out images right"
                notes.append(f"`{name}` on {planted.dataset.name} gets {right}.")
            checks += _shown(judge_extractor(planted, extractor), console)
        checks += _shown(check_without_extractor(planted), console)
    failed = sum(not check.passed for check in checks)
    console.print(f"{len(checks) - failed} of {len(checks)} passed, {failed} failed")
    if output is not None:
        write_whole(output / "README.md", markdown_text(checks, notes).encode())
        write_whole(output / "table.csv", csv_of_checks(checks).encode())
        console.print(f"table: {output / 'README.md'}", soft_wrap=True)
    return failed == 0


def _extractor(name: str, planted: Planted) -> Extractor | str:
    """Return the extractor, or why this dataset cannot have it."""
    dataset = planted.dataset
    if name not in EXTRACTORS or EXTRACTORS[name].needs != "labels":
        return load_extractor(name, channels=dataset.channels)
    from benchmark.metrics.classifier import Classifier, Labelled

    labels, heldout_labels = dataset.train_labels, dataset.heldout_labels
    if labels is None or heldout_labels is None:
        return f"`classifier` on {dataset.name}: refused, the dataset has no labels."
    return Classifier(Labelled(dataset.train[:], labels, dataset.heldout, heldout_labels))


def _shown(checks: list[Check], console: Console) -> list[Check]:
    for c in checks:
        colour, word = ("green", "pass") if c.passed else ("red", "FAIL")
        about = f" {c.dataset} {c.extractor}, {c.case}: {c.expectation}: {c.numbers} (n = {c.images})"
        console.print(Text.assemble((word, colour), about), soft_wrap=True)
    return checks
