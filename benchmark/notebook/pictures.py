"""Images that a notebook shows by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from benchmark.commands.sample import png, tile
from benchmark.report.page.inlining import data_uri

_SIDE = 64  # least side of an image on the screen, in pixels


class Images(np.ndarray[Any, np.dtype[np.uint8]]):
    """An array of images, uint8 (N, H, W, C), which a notebook shows as a grid; `images[0]` is one."""

    def __repr__(self) -> str:
        """Return how many of which size: a screen full of numbers says less."""
        if self.ndim != 4:
            return super().__repr__()
        count, height, width, channels = self.shape
        return f"<{count} images, {height}x{width}, {'grey' if channels == 1 else 'colour'}, uint8>"

    def _repr_png_(self) -> bytes | None:
        """Return the grid; None for what is no longer a stack of images."""
        images = np.asarray(self)
        if images.ndim == 3:
            images = images[None]
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[-1] not in (1, 3) or not len(images):
            return None
        return png(tile(images), scale=max(1, _SIDE // images.shape[1]))


@dataclass(frozen=True, repr=False)
class Pictures:
    """PNG files, which a notebook shows one under the other."""

    paths: Sequence[Path]

    def __repr__(self) -> str:
        return "\n".join(map(str, self.paths))

    def _repr_html_(self) -> str:
        shown = [
            Markup('<p><img src="{}" alt="{}" style="max-width:100%"></p>').format(
                data_uri(path.read_bytes()), path.stem
            )
            for path in self.paths
        ]
        return Markup("\n").join(shown)
