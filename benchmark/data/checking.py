"""Look at every file of a folder or zip, and say what would become of it; nothing is kept or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmark.data.decoding import Shape, UnusableImage, decode
from benchmark.data.paths import full_path, kind_at
from benchmark.data.places import SHOWN, Bad, Folder, Place, Zip, check_any, shown_file
from benchmark.data.sources import reading_notes
from benchmark.data.splits import split_by_folders
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
    split_notes: tuple[str, ...] = ()  # how the usable ones are split

    @property
    def usable(self) -> int:
        """Count the images that can be read."""
        return self.sizes.total()

    def lines(self) -> Iterator[str]:
        """Yield the findings as text, the unusable files by name (the first 20 and a count)."""
        yield f"{self.label}: {self.usable} of {self.files} files are usable images"
        grey, colour = self.channels[1], self.channels[3]
        if self.usable:
            yield f"  {colour} colour, {grey} grey"
            sizes = [f"{w}x{h} ({count})" for (w, h), count in self.sizes.most_common(5)]
            more = f" and {len(self.sizes) - 5} more" if len(self.sizes) > 5 else ""
            yield f"  sizes: {', '.join(sizes)}{more}"
            if len(self.sizes) > 1 or any(w != h for w, h in self.sizes):
                yield "  name a `size` in the suite: they are centre-cropped to a square and resized"
        for note in (*self.split_notes, *reading_notes(self.traits, self.ignored)):
            yield f"  {note}"
        for name, reason in self.bad[:SHOWN]:
            yield f"  NOT USABLE '{shown_file(name)}': {reason}"
        if len(self.bad) > SHOWN:
            yield f"  NOT USABLE: and {len(self.bad) - SHOWN} more"


def open_place(text: str) -> Place:
    """Open folder:PATH, zip:PATH, or a path that is one of the two. Raises UserError."""
    kind, _, rest = text.partition(":")
    named = kind if kind in ("folder", "zip") and rest else ""
    path = full_path(rest if named else text)
    found = named or kind_at(path)
    if found == "folder":
        return Folder(path)
    if found == "zip":
        return Zip(path)
    raise UserError(
        f"{path}: is {found}:, neither a folder nor a zip of image files",
        f"a suite reads it as it is: '{found}:{path}'",
    )


def check_place(place: Place, tick: Tick) -> Findings:
    """Decode every image of a place once. Raises UserError where there is none."""
    check_any(place)
    findings = Findings(place.label, len(place.names) + len(place.bad), list(place.bad))
    findings.ignored = place.ignored
    usable: list[str] = []
    traits: list[tuple[str, ...]] = []
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
        traits.append(image.traits)
    findings.bad.sort()
    split = split_by_folders(usable)
    findings.split_notes = split.notes
    for row in split.used:  # as a run would count them
        findings.traits.update(traits[row])
    return findings
