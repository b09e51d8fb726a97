"""How many cases are generated, and what odd values look like in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from benchmark.data import Dataset, DatasetSpec, load_dataset
from benchmark.errors import UserError

TOTAL = int(os.environ.get("BENCH_FUZZ_CASES", "200"))


def cases(share: float) -> Callable[[Any], Any]:
    """Give a property its share of all cases: the same ones in every run."""
    return settings(
        max_examples=max(2, round(share * TOTAL)),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate]
        if TOTAL <= 200
        else [Phase.generate, Phase.shrink],  # shrinking takes minutes
    )


def check_message(error: UserError, path: Path) -> None:
    """Assert that every error in a message is two lines at most, and begins with a line of the file."""
    text = str(error)
    text.encode()  # what holds half a character cannot be printed
    lines = max(1, len(re.split(rb"\r\n|\r|\n", path.read_bytes())))
    for complaint in text.split("\nerror: "):
        assert complaint.count("\n") <= 1, complaint
        assert len(complaint) < 4000, complaint[:500]
        place = re.match(rf"{re.escape(str(path))}:(\d+): ", complaint)
        assert place, complaint
        assert 1 <= int(place[1]) <= lines, complaint


NUMBERS = [
    *["0", "-1", "1", "2", "3", "7.5", "0.5", "1e-4", "1E3", "1e400", "-1e300", ".inf", "-.inf", ".nan"],
    *["0o17", "0x1F", "0b11", "017", "1_000", "+5", "16.0", "-0.0", "1e-320"],
    *["9" * 18, "9" * 25, "9" * 5000, "-" + "9" * 30, "0x" + "f" * 5000],
]
WORDS = [
    *[
        "true",
        "false",
        "yes",
        "no",
        "on",
        "null",
        "~",
        "none",
        "tiny",
        "digits",
        "shapes",
        "mild",
        "random",
        "fid",
        "last",
        "prior",
        "codes",
    ],
    *[
        "'60'",
        "'1e-4'",
        "''",
        "日本",
        "ñandú",
        "'[bold]x[/bold]'",
        "':tv:'",
        "'a,b'",
        "'../..'",
        "'/'",
        "'.'",
        "'~'",
        "'~nobody/x'",
    ],
    "' '",
    "'  x'",
    "2020-01-01",
    "2020-99-99",
    "12:30:00",
    r'"\0"',
    r'"a\nb"',
    r'"\ud800"',
    r'"\u202e\u200b"',
    "x" * 3000,
    '"' + "long " * 2000 + '"',
    "./missing.py:Plugin",
    "'./missing.py:'",
    "':'",
    "'x.py'",
    "'folder:'",
    "'folder:nowhere'",
    "'zip:" + "n" * 300 + "'",
    "'npz:.'",
    "'packed:/'",
    "'folder:~nobody/x'",
    "'hf:'",
]
NESTED = [
    "",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[1, [2]]",
    "{a: {b: {c: {d: 1}}}}",
    "{1: 2}",
    "{null: 2}",
    "{[a]: 2}",
    "{name: {name: none}}",
    "{rotation: 5, padding: zeros}",
    "{'': 1}",
    "[1, 1]",
    "[none, none]",
    "[" * 40 + "]" * 40,
    "[" * 3000,
    "{a: 1, a: 2}",
]
TAGGED = [
    "!!set {a, b}",
    "!foo bar",
    "!foo {a: 1}",
    "!!int x",
    "!!float ''",
    "!!bool x",
    "!!binary aGVsbG8=",
    "!!str 5",
    "!!python/object:os.system x",
    "!!omap [a: 1]",
    "!!timestamp x",
    "&a [*a]",
    "&a {b: *a}",
    "{<<: 5}",
    "{<<: [1]}",
    "&b {<<: *b}",
    "*unknown",
    "&c 5",
    "{<<: {rotation: 5}, shift: 0.1}",
    "'",
    "|",
    ">\n  x",
    "- 1",
    "@x",
    "%",
]
ODD = NUMBERS + WORDS + NESTED + TAGGED


def check_read(spec: DatasetSpec, root: Path) -> Dataset | None:
    """Read a data set: images of one shape in two splits, or a UserError that any terminal can show."""
    try:
        dataset = load_dataset(spec)
    except UserError as error:
        for line in str(error).replace(str(root), "").split("\n"):
            assert line.isprintable(), line
            assert len(line) < 4000, line[:500]
        return None
    pool, heldout = dataset.train[:], dataset.heldout
    assert pool.dtype == heldout.dtype == "uint8"
    assert pool.shape[1:] == heldout.shape[1:]
    assert pool.shape[1] == pool.shape[2] == (spec.size or pool.shape[1])
    assert pool.shape[3] == (spec.channels or pool.shape[3])
    assert pool.shape[3] in (1, 3)
    for images, labels in ((pool, dataset.train_labels), (heldout, dataset.heldout_labels)):
        assert len(images)
        assert labels is None or labels.shape == (len(images),)
    for note in dataset.notes:
        assert note.isprintable(), note
    return dataset
