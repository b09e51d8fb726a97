"""Read whole datasets from where they lie into uint8 arrays of one shape."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.data.decoding import Images, Shape, UnusableImage, decode, enlarged_to, fit
from benchmark.data.loaded import Loaded
from benchmark.data.places import SHOWN, Bad, Place, check_any, refusal, shown_file
from benchmark.data.splits import Decide, split_by_folders
from benchmark.errors import UserError

NAME_A_SIZE = "name the size to bring them to, which crops and resizes: `size: 32`, or --size 32"


def read_digits(size: int) -> Loaded:
    """Return scikit-learn's 1,797 handwritten digits, enlarged bilinearly from 8x8. (N, size, size, 1)

    Source: E. Alpaydin, C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI.
    """
    # read from its file: importing scikit-learn takes most of a second, which every `bench run` would pay
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    levels = (rows[:, :64].reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    resized = [Image.fromarray(d).resize((size, size), Image.Resampling.BILINEAR) for d in levels]
    images = np.stack([np.asarray(image) for image in resized])[..., None]
    labels, names = rows[:, 64].astype(np.int64), tuple("0123456789")
    return Loaded(images, pool_labels=labels, class_names=names, notes=enlarged_note(levels, Shape(size)))


def read_place(place: Place, shape: Shape, decide: Decide = split_by_folders) -> Loaded:
    """Read every image of a place that is in a split; where there is none, all of them.

    Raises UserError that names what cannot be read (the first 20 and a count), or images that differ in size.
    """
    check_any(place)
    split = decide(place.names)
    reading = _Reading(place, shape)
    for row in split.used:
        reading.add(place.names[row])
    images = reading.finish()
    notes = (*split.notes, *reading_notes(reading.traits, place.ignored))
    split = split.of_used()
    pool = np.stack([images[i] for i in split.pool])
    if split.heldout is None:
        return Loaded(pool, notes=notes)
    return Loaded(pool, np.stack([images[i] for i in split.heldout]), notes=notes)


def reading_notes(traits: Counter[str], ignored: Counter[str]) -> tuple[str, ...]:
    """Say what was changed in reading and what was passed over."""
    handled = [f"handled: {trait} ({count})" for trait, count in sorted(traits.items())]
    return (*handled, *[f"passed over: {kind} ({count})" for kind, count in sorted(ignored.items())])


class _Reading:
    """Collect the images of a place; once some do not fit together, only what to say about them."""

    def __init__(self, place: Place, shape: Shape) -> None:
        self.place, self.shape = place, shape
        self.images: list[Images] = []
        self.bad: list[Bad] = list(place.bad)
        self.sizes: dict[tuple[int, int], list[str]] = {}
        self.traits: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Read one image."""
        try:
            image = decode(self.place.read(name), self.shape)
        except UnusableImage as problem:
            self.bad.append((name, str(problem)))
            return
        self.traits.update(image.traits)
        self.sizes.setdefault((image.width, image.height), []).append(name)
        if not self.bad and (self.shape.size is not None or len(self.sizes) == 1):
            self.images.append(image.pixels)

    def finish(self) -> list[Images]:
        """Return the images in one shape. Raises UserError."""
        if self.bad:
            raise refusal(self.place.label, sorted(self.bad), len(self.place.names) + len(self.place.bad))
        if self.shape.size is None:
            check_one_size(self.place.label, self.sizes)
        if len({image.shape[2] for image in self.images}) > 1:  # grey images among colour ones
            return [np.broadcast_to(image, (*image.shape[:2], 3)) for image in self.images]
        return self.images


def check_one_size(label: str, sizes: dict[tuple[int, int], list[str]]) -> None:
    """Raise UserError unless all images have one square size; name those that differ from most."""
    usual = max(sizes, key=lambda size: len(sizes[size]))
    others = [(name, size) for size, names in sizes.items() if size != usual for name in names]
    hint = NAME_A_SIZE
    if others:
        listed = ", ".join(f"'{shown_file(name)}' is {w}x{h}" for name, (w, h) in others[:SHOWN])
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        most = f"{len(sizes[usual])} are {usual[0]}x{usual[1]}"
        raise UserError(f"{label}: images differ in size: {most}, {listed}{more}", hint)
    if usual[0] != usual[1]:
        raise UserError(f"{label}: images are {usual[0]}x{usual[1]}, not square", hint)


def enlarged_note(images: Images, shape: Shape) -> tuple[str, ...]:
    """Say that decoded images are enlarged, where they are."""
    if shape.size is None or min(images.shape[1:3]) >= shape.size:
        return ()
    return reading_notes(Counter({enlarged_to(shape.size): len(images)}), Counter())


def fit_arrays(images: Images, shape: Shape) -> Images:
    """Bring decoded images (N, H, W, C) to a shape, as if they had been files."""
    same_size = shape.size in (None, images.shape[1]) and images.shape[1] == images.shape[2]
    if same_size and shape.channels in (None, images.shape[3]):
        return images
    flat = images[..., 0] if images.shape[3] == 1 else images
    return np.stack([fit(Image.fromarray(image), shape) for image in flat])
