"""Put sampled images beside real ones, as small strips that the page enlarges pixel for pixel."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmark.report.figures.samples import GridImages
from benchmark.report.page.inlining import data_uri

_ACROSS, _DOWN, _GAP = 8, 2, 1


@dataclass(frozen=True)
class Strip:
    """Hold one labelled strip of images."""

    label: str
    alt: str
    source: str
    width: int  # on the page, in pixels


@dataclass(frozen=True)
class StripColumn:
    """Hold the strips of one strategy, or of the real images."""

    name: str
    is_strategy: bool
    strips: list[Strip]


@dataclass(frozen=True)
class StripBlock:
    """Hold all columns of one dataset and budget."""

    title: str
    columns: list[StripColumn]


def sample_block(
    title: str, found: Mapping[str, Mapping[str, GridImages]], baseline: str | None
) -> StripBlock:
    """Return real images, then every strategy's samples over the nearest real ones."""
    first = baseline if baseline is not None and baseline in found else next(iter(found))
    shared = all(
        np.array_equal(images["reconstructions"], found[first]["reconstructions"])
        for images in found.values()
    )
    rebuilt = "their reconstructions" if shared else f"their reconstructions by {first}"
    real = [("held-out images", "heldout"), (rebuilt, "reconstructions")]
    drawn = [
        ("samples, not selected", "samples"),
        ("nearest training images", "nearest_train"),
        ("nearest held-out images", "nearest_heldout"),
    ]
    columns = [
        StripColumn("real images", False, [_strip(found[first][key], label, title) for label, key in real])
    ]
    for name, images in found.items():
        strips = [_strip(images[key], label, f"{name}, {title}") for label, key in drawn if key in images]
        columns.append(StripColumn(name, True, strips))
    return StripBlock(title, columns)


def _strip(images: GridImages, label: str, of: str) -> Strip:
    shown = images[: _ACROSS * _DOWN]
    height, width, channels = shown.shape[1:]
    across = min(_ACROSS, len(shown))
    down = -(-len(shown) // across)
    page = np.full((down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, channels), 128, np.uint8)
    for place, image in enumerate(shown):
        top, left = (place // across) * (height + _GAP), (place % across) * (width + _GAP)
        page[top : top + height, left : left + width] = image
    buffer = io.BytesIO()
    Image.fromarray(page.squeeze(2) if channels == 1 else page).save(buffer, "png", optimize=True)
    scale = max(1, round(44 / width))
    return Strip(label, f"{len(shown)} {label}: {of}", data_uri(buffer.getvalue()), page.shape[1] * scale)
