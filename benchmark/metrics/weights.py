"""Find weights files that the user fetched, and fetch them when told to. Importable without torch."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cleanfid.downloads_helper import inception_url

from benchmark.data.names import home
from benchmark.errors import UserError, unknown_name
from pcvq2.trainer.scratch import draft_of


@dataclass(frozen=True)
class WeightsFile:
    """A file an extractor needs: where it comes from, and its SHA-256 where its publisher names it."""

    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Return the file's own name."""
        return self.url.rsplit("/", 1)[1]


_CLIP_SHA256 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
WEIGHTS: dict[str, WeightsFile] = {
    "inception": WeightsFile(inception_url),
    "clip": WeightsFile(
        f"https://openaipublic.azureedge.net/clip/models/{_CLIP_SHA256}/ViT-B-32.pt", _CLIP_SHA256
    ),
    "dinov2": WeightsFile("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth"),
}


class MissingWeights(UserError):
    """An extractor's weights file is in none of the places where it is looked for."""


def places() -> list[Path]:
    """Return the folders that are searched: $BENCH_WEIGHTS if it is set, then ~/.cache/bench/weights."""
    cache = home() / ".cache" / "bench" / "weights"
    given = os.environ.get("BENCH_WEIGHTS")
    return [Path(given).expanduser(), cache] if given else [cache]


def find_weights(extractor: str) -> Path:
    """Return an extractor's weights file.

    Raises MissingWeights, which names the file, its source and where to put it.
    """
    file, searched = WEIGHTS[extractor], places()
    for place in searched:
        if (place / file.name).is_file():
            return place / file.name
    raise MissingWeights(
        f"extractor '{extractor}' needs {file.name}, which is not in {' nor in '.join(map(str, searched))}",
        f"Run `bench doctor --download {extractor}`, or download {file.url} and put it into {searched[0]}",
    )


def download_weights(extractor: str) -> Path:
    """Fetch an extractor's file into the first place that is searched; there whole or not at all.

    Its SHA-256 is compared with the publisher's where there is one, and recorded beside it. A file that is
    there already is left alone. Raises UserError when it cannot be fetched or is not the file meant.
    """
    if extractor not in WEIGHTS:
        raise UserError(*unknown_name("extractor with weights", extractor, WEIGHTS))
    try:
        return find_weights(extractor)
    except MissingWeights:
        file, target = WEIGHTS[extractor], places()[0] / WEIGHTS[extractor].name
    by_hand = f"download it by hand from {file.url} and put it into {target.parent}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(target) as draft:
            digest = _fetch(file.url, draft)
            if file.sha256 not in (None, digest):
                problem = f"{file.name} from {file.url} has SHA-256 {digest}, not {file.sha256}"
                raise UserError(problem, f"not kept; {by_hand}")
            os.replace(draft, target)
        recorded_hash(target).write_text(f"{digest}  {target.name}\n")
    except OSError as error:  # URLError is one
        raise UserError(f"{file.name} cannot be fetched into {target.parent} ({error})", by_hand) from error
    return target


def _fetch(url: str, target: Path) -> str:
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=60) as source, target.open("wb") as file:
        length = source.headers.get("Content-Length")
        while chunk := source.read(2**20):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        if length is not None and file.tell() != int(length):
            raise OSError(f"{file.tell()} of {length} bytes came")
    return digest.hexdigest()


def recorded_hash(path: Path) -> Path:
    """Return where the SHA-256 of a fetched file is kept, in the format of sha256sum."""
    return path.with_name(f"{path.name}.sha256")


def weights_state(path: Path) -> str:
    """Say what a weights file is: its hash, and whether it still is what was fetched."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    record = recorded_hash(path)
    if not record.is_file():
        return f"SHA-256 {digest[:16]}, put there by hand"
    return f"SHA-256 {digest[:16]}" + (
        "" if record.read_text().startswith(digest) else ", CHANGED since it was fetched"
    )


def hash_file(path: Path) -> str:
    """Hash a file's content into 16 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
