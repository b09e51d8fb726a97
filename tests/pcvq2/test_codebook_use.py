"""A codebook of 512 comes alive within 100 steps on real photographs."""

from __future__ import annotations

import numpy as np
import torch
from photographs import photographs

from benchmark.data import DatasetSpec, load_dataset
from pcvq2 import PCVQ2, override, preset
from pcvq2.codes_stage import encode_all, train_codes
from pcvq2.trainer.steps import StageRun


def test_nearly_all_of_512_codes_are_in_use_after_100_steps_on_cats() -> None:
    """Both maps, on images that were not trained on; the prototype's top map collapsed here."""
    cats = load_dataset(DatasetSpec("cats", f"zip:{photographs()}", size=32, heldout=500))
    train, heldout = (
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        for images in (cats.train[:1000], cats.heldout)
    )
    config = override(preset("small", size=32, channels=3), "vqvae", {"codes": 512})
    config = override(config, "codes_stage", {"steps": 100})
    model = PCVQ2(config, seed=0)
    with torch.random.fork_rng():
        train_codes(model.vqvae, train, StageRun("codes", config.codes_stage, 0))
    used = [len(codes.unique()) for codes in encode_all(model.vqvae, heldout)]
    assert min(used) >= 0.95 * 512, used
