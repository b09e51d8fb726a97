"""Draw images from a trained model: `bench sample`."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.data.decoding import Images
from benchmark.errors import UserError
from benchmark.store.store import Store
from pcvq2.trainer.whole_file import write_whole


def find_model(name: str, store: Store) -> Path:
    """Return the model folder a record's id, a record file or a model folder stands for. Raises UserError."""
    path = Path(name)
    folder = store.model_path(path.stem) if path.suffix == ".json" or not path.exists() else path
    if not (folder / "model.json").is_file():
        known = (
            sorted(p.name for p in store.model_path("").glob("*")) if store.model_path("").is_dir() else []
        )
        raise UserError(
            f"'{name}' names no trained model ({folder / 'model.json'} is missing)",
            f"name a record's id, its file or a model folder; here: {', '.join(known[:5]) or 'none yet'}",
        )
    return folder


def write_samples(folder: Path, output: Path, *, count: int, temperature: float, seed: int) -> Path:
    """Sample `count` images from a model folder into PNGs and one grid. Returns the grid's path."""
    from benchmark.families.saved import load_model

    model = load_model(folder)
    samples = model.sample(count, temperature=temperature, seed=seed)
    images = samples.permute(0, 2, 3, 1).cpu().numpy()
    for index, image in enumerate(images):
        write_whole(output / f"{index:04}.png", png(image))
    grid = output / "grid.png"
    write_whole(grid, png(tile(images), scale=max(1, 64 // images.shape[1])))
    return grid


def tile(images: Images) -> Images:
    """Lay images (N, H, W, C) out in a near-square grid with a pixel between. (rows, columns, C)"""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, channels), 128, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = image
    return canvas


def png(image: Images, scale: int = 1) -> bytes:
    """Return an image (H, W, C) as a PNG, each pixel `scale` pixels a side."""
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
