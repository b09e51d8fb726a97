"""What `bench new source` writes: a source that works, and its test."""

SOURCE = '''"""{title}: say here where the images come from, and who may use them."""

from __future__ import annotations

import numpy as np


def {name}():
    """Squares of two brightnesses on a dark ground, drawn from one seed."""
    random = np.random.default_rng(0)
    labels = np.arange(240) % 2
    images = random.integers(0, 32, (240, 16, 16), dtype=np.uint8)
    for image, label, (row, column) in zip(images, labels, random.integers(1, 10, (240, 2))):
        image[row : row + 5, column : column + 5] += np.uint8(100 + 100 * label)
    return {{
        "train": images[:200],  # uint8 (N, H, W) or (N, H, W, 1 or 3); alone, a fifth of it is held out
        "heldout": images[200:],
        "train_labels": labels[:200],  # labels and names may be left out
        "heldout_labels": labels[200:],
        "class_names": ["dim", "bright"],
    }}
'''

TEST = '''"""The battery that every source passes, and what is special about {name}."""

from pathlib import Path

from benchmark.data.checks import check_source
from strategies.contract.plugin import Plugin

{name} = Plugin.read(Path(__file__).with_name("{name}.py"), "{name}").load()


def test_it_passes_the_battery() -> None:
    check_source({name})


def test_no_image_is_in_both_splits() -> None:
    parts = {name}()
    train = {{image.tobytes() for image in parts["train"]}}
    assert not train & {{image.tobytes() for image in parts["heldout"]}}
'''
