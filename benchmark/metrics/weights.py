"""Find weights files that the user fetched; nothing is ever downloaded. Importable without torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cleanfid.downloads_helper import inception_url

from benchmark.errors import UserError

INCEPTION_URL: str = inception_url
INCEPTION_FILE = INCEPTION_URL.rsplit("/", 1)[1]


class MissingWeights(UserError):
    """An extractor's weights file is in none of the places where it is looked for."""


def find_inception() -> Path:
    """Return clean-fid's Inception file in $BENCH_WEIGHTS or else in ~/.cache/bench/weights.

    Raises MissingWeights, which names the file, its source and where to put it.
    """
    home = Path.home() / ".cache" / "bench" / "weights"
    given = os.environ.get("BENCH_WEIGHTS")
    places = [Path(given).expanduser(), home] if given else [home]
    for place in places:
        if (place / INCEPTION_FILE).is_file():
            return place / INCEPTION_FILE
    raise MissingWeights(
        f"extractor 'inception' needs {INCEPTION_FILE}, which is not in {' nor in '.join(map(str, places))}",
        f"Download it from {INCEPTION_URL} and put it into {places[0]}",
    )


def hash_file(path: Path) -> str:
    """Hash a file's content into 16 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
