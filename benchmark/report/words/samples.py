"""Put what scores of samples say into words: KID and FID, never without their company."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.report.comparing.comparison import Cell, SuiteComparison
from benchmark.report.comparing.leaders import best_mean
from benchmark.report.reading.protocol import features_phrase, few_samples, protocol_record
from benchmark.report.words.formatting import listed, mean_in_column, spread


def sample_sentences(comparison: SuiteComparison, cells: Sequence[Cell], leader: Cell) -> list[str]:
    """Say which strategy leads in KID and FID, beside what FID does not see and the headline's leader."""
    record = protocol_record(comparison.suite, leader.dataset)
    by_fid, by_kid = best_mean(comparison, cells, "fid"), best_mean(comparison, cells, "kid")
    order = [("KID", "kid", by_kid), ("FID", "fid", by_fid)]
    if not few_samples(record):
        order.reverse()
    lowest = [
        f"lowest mean {name} for `{cell.strategy}`, {mean_in_column(cells, cell, key)}"
        for name, key, cell in order
        if cell is not None
    ]
    if not lowest:
        return []
    sentences = [f"Samples (extractor {features_phrase(record)}): {'; '.join(lowest)}."]
    if by_fid is None:
        return sentences
    sentences.append(f"Beside that FID: {_company(cells, by_fid)}.")
    if by_fid is not leader:
        fid = f"FID {mean_in_column(cells, leader, 'fid')}, " if leader.score("fid").n else ""
        subject = comparison.headline.subject.lower()
        sentences.append(f"The {subject}'s leader `{leader.strategy}`: {fid}{_company(cells, leader)}.")
        sentences += _memorising(comparison, by_fid, leader)
    return sentences


def _company(cells: Sequence[Cell], cell: Cell) -> str:
    keys = {"recall": "recall", "nearest_training_ratio": "nearest-training ratio"}
    said = [f"{title} {mean_in_column(cells, cell, key)}" for key, title in keys.items() if cell.score(key).n]
    return listed(said) or "neither recall nor a nearest-training ratio was measured"


def _memorising(comparison: SuiteComparison, by_fid: Cell, leader: Cell) -> list[str]:
    """Warn where paired seeds show FID's favourite nearer to the training images and less diverse."""
    keys = ("nearest_training_ratio", "recall")
    found = [comparison.between(key, by_fid, leader) for key in keys]
    if by_fid.score(keys[0]).mean < 1.0 and all(e.side_of_zero == "below" for e in found):
        pairs = spread(e.n for e in found)
        return [
            f"Against `{leader.strategy}`, `{by_fid.strategy}` has lower recall and samples nearer to the "
            f"training images (both paired 95 % intervals exclude zero, n = {pairs} pairs): the pattern of "
            "memorising, so that its lower FID alone is no evidence of better samples."
        ]
    return []
