"""Say what records agree on, and list what they do not."""

from __future__ import annotations

import json
from collections.abc import Iterable

from benchmark.report.reading.loading import in_one_line
from benchmark.report.reading.scores import TrialRecord, number_in
from benchmark.report.words.formatting import listed, spread


def values_phrase(records: Iterable[TrialRecord], key: str) -> str:
    """Return the one value all records agree on, or every value with the number of records that have it."""
    counts: dict[str, int] = {}
    for record in records:
        text = shown_value(record.get(key))
        counts[text] = counts.get(text, 0) + 1
    if len(counts) < 2:
        return "".join(counts) or "–"
    return listed([f"{text} ({count} trials)" for text, count in sorted(counts.items())])


def range_phrase(records: Iterable[TrialRecord], key: str) -> str:
    """Return the range of a whole number over records; a dash where none has it."""
    numbers = [int(v) for record in records if (v := number_in(record, key)) is not None]
    return spread(numbers) if numbers else "–"


def shown_value(value: object, most: int = 120) -> str:
    """Return a value as code, cut to a length; what is None was not recorded."""
    if value is None:
        return "not recorded"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return f"`{in_one_line(text, most)}`"
