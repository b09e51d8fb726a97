"""Look at every file of a folder or zip, and say what would become of it; nothing is kept or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.decoding import Shape, UnusableImage, decode
from benchmark.data.places import SHOWN, Bad, Folder, Place, Zip, shown_name, split_rows
from benchmark.data.ticking import Tick
from benchmark.errors import UserError


@dataclass
class Findings:
    """What the files of a place are."""

    label: str
    files: int
    bad: list[Bad] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    traits: Counter[str] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    splits: tuple[int, int] | None = None  # usable images under train/ and test/

    @property
    def usable(self) -> int:
        """Count the images that can be read."""
        return self.sizes.total()

    def lines(self) -> Iterator[str]:
        """Yield the findings as text, the unusable files by name (the first 20 and a count)."""
        yield f"{self.label}: {self.usable} of {self.files} files are usable images"
        if self.splits:
            yield f"  split: {self.splits[0]} under train/, {self.splits[1]} under test/"
        grey, colour = self.channels[1], self.channels[3]
        if self.usable:
            yield f"  {colour} colour, {grey} grey"
            sizes = [f"{w}x{h} ({count})" for (w, h), count in self.sizes.most_common(5)]
            more = f" and {len(self.sizes) - 5} more" if len(self.sizes) > 5 else ""
            yield f"  sizes: {', '.join(sizes)}{more}"
            if len(self.sizes) > 1 or any(w != h for w, h in self.sizes):
                yield "  name a `size` in the suite: they are centre-cropped to a square and resized"
        for trait, count in sorted(self.traits.items()):
            yield f"  handled: {trait} ({count})"
        for kind, count in sorted(self.ignored.items()):
            yield f"  passed over: {kind} ({count})"
        for name, reason in self.bad[:SHOWN]:
            yield f"  NOT USABLE '{shown_name(name)}': {reason}"
        if len(self.bad) > SHOWN:
            yield f"  NOT USABLE: and {len(self.bad) - SHOWN} more"


def open_place(text: str) -> Place:
    """Open folder:PATH, zip:PATH, or a path that is one of the two. Raises UserError."""
    kind, _, rest = text.partition(":")
    path = Path(rest if kind in ("folder", "zip") and rest else text).expanduser()
    if kind == "folder" or (kind != "zip" and path.is_dir()):
        return Folder(path)
    if kind == "zip" or path.is_file():
        return Zip(path)
    raise UserError(f"{text}: no such folder or zip", "name a folder or a zip archive of images")


def check_place(place: Place, tick: Tick) -> Findings:
    """Decode every image of a place once."""
    findings = Findings(place.label, len(place.names) + len(place.bad), list(place.bad))
    findings.ignored = place.ignored
    usable = []
    for done, name in enumerate(place.names):
        tick(done, len(place.names))
        try:
            image = decode(place.read(name), Shape())
        except UnusableImage as problem:
            findings.bad.append((name, str(problem)))
            continue
        usable.append(name)
        findings.sizes[image.width, image.height] += 1
        findings.channels[image.pixels.shape[2]] += 1
        findings.traits.update(image.traits)
    findings.bad.sort()
    train, test = split_rows(usable)
    findings.splits = None if test is None else (len(train), len(test))
    return findings
