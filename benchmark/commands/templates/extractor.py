"""What `bench new extractor` writes: an extractor that works, and its test."""

SOURCE = '''"""{title}: say here what its features are of."""

from __future__ import annotations

import numpy as np


class {class_name}:
    """Grey values of a 4x4 grid: features (N, 16) of uint8 images (N, H, W, C)."""

    def __call__(self, images):
        grey = images.mean(axis=3)
        rows = np.array_split(grey, 4, axis=1)
        cells = [cell for row in rows for cell in np.array_split(row, 4, axis=2)]
        return np.stack([cell.mean(axis=(1, 2)) for cell in cells], axis=1)
'''

TEST = '''"""The battery that every extractor passes, and what is special about {class_name}."""

from pathlib import Path

import numpy as np

from benchmark.metrics.checks import check_extractor
from strategies.contract.plugin import Plugin

{class_name} = Plugin.read(Path(__file__).with_name("{name}.py"), "{class_name}").load()


def test_it_passes_the_battery() -> None:
    check_extractor({class_name})


def test_a_grey_image_is_grey_everywhere() -> None:
    features = {class_name}()(np.full((2, 16, 16, 3), 7, np.uint8))
    assert (features == 7).all()
'''
