"""Pictures of a data set: a sheet of training images and held-out ones."""

from __future__ import annotations

import io
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmark.data.dataset import Dataset
from benchmark.data.decoding import Images
from benchmark.data.loaded import Rows

_COLUMNS, _ROWS, _GAP, _TITLE = 12, 5, 2, 18
_LEAST_SIDE = 48  # small images are enlarged, by whole factors


def dataset_sheet(dataset: Dataset) -> bytes:
    """Return a PNG: evenly spaced images of the pool, then of the held-out split."""
    parts = [
        (f"{dataset.name}: training pool, {len(dataset.train)} images", dataset.train),
        (f"held-out, {len(dataset.heldout)} images", dataset.heldout),
    ]
    panels = [_panel(title, images) for title, images in parts]
    sheet = Image.new("RGB", (panels[0].width, sum(panel.height for panel in panels)), "white")
    top = 0
    for panel in panels:
        sheet.paste(panel, (0, top))
        top += panel.height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _font(title: str) -> ImageFont.FreeTypeFont | None:
    """Return a font for a title that Pillow's own cannot write; None: it can."""
    if title.isascii():
        return None
    from benchmark.fonts import font_file_for, glyphs_remark

    remark = glyphs_remark([title])
    if remark is not None:
        print(remark, file=sys.stderr)
    return ImageFont.truetype(font_file_for(title), 12)


def _panel(title: str, images: Images | Rows) -> Image.Image:
    count = min(len(images), _COLUMNS * _ROWS)
    chosen = images[np.unique(np.linspace(0, len(images) - 1, count).round().astype(np.int64))]
    factor = max(1, -(-_LEAST_SIDE // chosen.shape[1]))
    side = chosen.shape[1] * factor + _GAP
    rows = -(-len(chosen) // _COLUMNS)
    panel = Image.new("RGB", (_COLUMNS * side + _GAP, rows * side + _GAP + _TITLE), "white")
    ImageDraw.Draw(panel).text((_GAP, _GAP), title, fill="black", font_size=12, font=_font(title))
    for i, pixels in enumerate(chosen):
        picture = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
        large = picture.resize((side - _GAP, side - _GAP), Image.Resampling.NEAREST)
        panel.paste(large, (_GAP + i % _COLUMNS * side, _TITLE + _GAP + i // _COLUMNS * side))
    return panel
