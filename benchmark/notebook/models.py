"""Open in a notebook what a trial trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.commands.sample import find_model
from benchmark.errors import UserError, of_the_disk_told
from benchmark.notebook.pictures import Images
from benchmark.store.store import Store

if TYPE_CHECKING:
    from benchmark.families.contract import Model


@dataclass(frozen=True)
class OpenedModel:
    """A trained model and what its trial recorded."""

    folder: Path
    model: Model  # the family's own, e.g. pcvq2.PCVQ2: bits_per_dim, reconstruct, save
    record: dict[str, Any] | None  # None for a model that lies elsewhere than in a runs folder

    def sample(self, n: int = 16, *, seed: int = 0, temperature: float = 1.0) -> Images:
        """Draw images, uint8 (n, H, W, C); a cell that ends with them shows them as a grid.

        Equal (n, seed) means equal noise, whatever the model. Below 1 a temperature draws safer images, less
        diverse. Raises UserError for n < 1.
        """
        if n < 1:
            raise UserError(f"sample: n is {n}", "1 or more")
        drawn = self.model.sample(n, seed=seed, temperature=temperature)
        return np.ascontiguousarray(drawn.permute(0, 2, 3, 1).cpu().numpy()).view(Images)

    def __repr__(self) -> str:
        record = self.record or {}
        named = [f"{record[k]}" for k in ("dataset", "budget", "strategy") if k in record]
        who = f"{'/'.join(named)}/seed{record['seed']}, " if named and "seed" in record else ""
        return f"<trained model of {who}{self.model.parameters_count:,} parameters, {self.folder}>"


@of_the_disk_told()
def open_model(name: str | Path, runs: str | Path = "runs") -> OpenedModel:
    """Open the model that a trial trained; `.sample(n)` draws images from it.

    name: a record's id (column `id` of benchmark.records), its file, or a model folder. `.model` is the model
    itself, on the CPU. Raises UserError where there is none.
    """
    from benchmark.families.saved import load_model

    store = Store(Path(runs))
    folder = find_model(str(name), store)
    record = store.load(folder.name) if folder.parent == store.model_path("").absolute() else None
    return OpenedModel(folder, load_model(folder), record)
