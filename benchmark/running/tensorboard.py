"""Learning curves for TensorBoard, written from finished records: they cost a run nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from benchmark.store.store import Record, Store

_SCORES = ("bpd_heldout", "bpd_train", "bpd_gap", "fid", "kid", "recall", "nearest_training_ratio")


def write_curves(suite: str, records: Iterable[Record], store: Store) -> Path:
    """Write curves and scores of records that have none yet. Returns the folder TensorBoard is given."""
    folder = store.root / "tensorboard" / suite
    for record in records:
        place = folder / _folder_name(record)
        if record["status"] == "done" and not place.exists():
            _write(record, place)
    return folder


def _write(record: Record, place: Path) -> None:
    from tensorboardX import SummaryWriter

    draft = place.with_name(f".{place.name}.part")  # a kill leaves no half a curve
    shutil.rmtree(draft, ignore_errors=True)
    with SummaryWriter(str(draft)) as writer:
        for key, values in sorted(record.items()):
            if key.startswith("curve_") and key != "curve_step":
                for step, value in zip(record["curve_step"], values, strict=True):
                    if value is not None:
                        writer.add_scalar(key.removeprefix("curve_"), value, step)
        for key in _SCORES:
            if record.get(key) is not None:
                writer.add_scalar(f"scores/{key}", record[key], record["prior_steps"])
    draft.rename(place)


def _folder_name(record: Record) -> str:
    name = "-".join(str(record[key]) for key in ("dataset", "budget", "strategy", "seed"))
    if record.get("initialisation"):
        name += f"-initialisation{record['initialisation']}"
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)}-{record['id']}"
