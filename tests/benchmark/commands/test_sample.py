"""`bench sample`: a trained model becomes PNGs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.commands.sample import find_model, tile, write_samples
from benchmark.errors import UserError
from benchmark.store.store import Store
from pcvq2 import PCVQ2, PCVQ2Config, PriorConfig, VQVAE2Config


@pytest.fixture
def store(tmp_path: Path) -> Store:
    vqvae = VQVAE2Config(hidden=8, residual_hidden=4, downsample=(2, 2), codes=8, code_dim=4)
    config = PCVQ2Config(size=16, channels=3, vqvae=vqvae, prior=PriorConfig(channels=8, layers=2))
    store = Store(tmp_path / "runs")
    PCVQ2(config, seed=1).save(store.model_path("abc"))
    return store


def test_a_model_is_found_by_id_record_file_or_folder(store: Store) -> None:
    folder = store.model_path("abc")
    for name in ("abc", str(store.record_path("abc")), str(folder)):
        assert find_model(name, store) == folder
    with pytest.raises(UserError, match=r"names no trained model.*\n.*here: abc"):
        find_model("abd", store)


def test_samples_are_written_as_the_model_draws_them(store: Store, tmp_path: Path) -> None:
    folder = find_model("abc", store)
    grid = write_samples(folder, tmp_path / "out", count=5, temperature=0.9, seed=3)
    expected = PCVQ2.load(folder).sample(5, temperature=0.9, seed=3)
    for index, image in enumerate(expected.permute(0, 2, 3, 1).numpy()):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / f"{index:04}.png")), image)
    assert Image.open(grid).size == ((3 * 17 - 1) * 4, (2 * 17 - 1) * 4)


def test_the_grid_holds_every_image_in_reading_order() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 2, 2, 1), np.uint8)
    assert tile(images)[::3, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 128]]
