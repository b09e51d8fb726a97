"""The store of records: one JSON file per trial, named by its content hash, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.environment import git_commit, processor, versions
from benchmark.errors import UserError
from benchmark.plan import SCHEMA_VERSION, Trial

Record = dict[str, Any]


def heading(trial: Trial) -> Record:
    """Return what every record carries, done or failed: which trial, and what it was made with."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": trial.id,
        "dataset": trial.dataset.name,
        "dataset_fingerprint": trial.fingerprint,
        "budget": trial.budget,
        "strategy": trial.strategy.label,
        "strategy_class": trial.strategy.name.rpartition(":")[2],
        "seed": trial.seed,
        "versions": versions(),
        "hardware": processor(),
        "git_commit": git_commit(),
    }


def failure(trial: Trial, reason: str, trace: str = "") -> Record:
    """Return the record of a trial that failed."""
    return heading(trial) | {"status": "failed", "reason": reason, "traceback": trace}


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with scratch.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


class Store:
    """The folder `runs/`: records, artifacts, shared auto-encoders, models, checkpoints, manifests."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def shared_codes(self) -> Path:
        """Return the folder of auto-encoders shared between trials."""
        return self.root / "codes"

    @property
    def probes(self) -> Path:
        """Return the folder of leakage probes shared between trials."""
        return self.root / "probes"

    @property
    def extractors(self) -> Path:
        """Return the folder of extractors that were trained here."""
        return self.root / "extractors"

    @property
    def features(self) -> Path:
        """Return the folder of real images' features shared between trials."""
        return self.root / "features"

    def record_path(self, trial_id: str) -> Path:
        """Return where a trial's record lies."""
        return self.root / "records" / f"{trial_id}.json"

    def model_path(self, trial_id: str) -> Path:
        """Return the folder of a trial's trained model."""
        return self.root / "models" / trial_id

    def checkpoint_path(self, trial_id: str) -> Path:
        """Return the folder of the checkpoints of a trial that has not ended yet."""
        return self.root / "checkpoints" / trial_id

    def drop_checkpoint(self, trial_id: str) -> None:
        """Remove a trial's checkpoints, if there are any."""
        shutil.rmtree(self.checkpoint_path(trial_id), ignore_errors=True)

    def load(self, trial_id: str) -> Record | None:
        """Return a trial's record; None when there is none, or the file is not a record."""
        try:
            record = json.loads(self.record_path(trial_id).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("id") == trial_id else None

    def is_done(self, trial_id: str) -> bool:
        """Say whether a trial has ended well; a failure is a record, but never counts as done."""
        record = self.load(trial_id)
        return record is not None and record["status"] == "done"

    def write(self, record: Record, artifacts: Mapping[str, bytes]) -> None:
        """Write a trial's artifacts, then its record: a record says that all else is there."""
        for name, content in artifacts.items():
            write_atomic(self.root / "artifacts" / record["id"] / name, content)
        text = json.dumps(record, indent=1, allow_nan=False)
        write_atomic(self.record_path(record["id"]), text.encode())

    def manifest_path(self, suite: str) -> Path:
        """Return where the list of a suite's trials lies."""
        return self.root / "suites" / f"{suite}.json"

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the list of a suite's trials, which a report starts from."""
        text = json.dumps(manifest, indent=1)
        write_atomic(self.manifest_path(manifest["suite"]), text.encode())

    def find_manifest(self, suite: str) -> Path:
        """Return the manifest of a suite that was run. Raises UserError."""
        path = self.manifest_path(suite)
        if not path.is_file():
            known = sorted(p.stem for p in path.parent.glob("*.json")) if path.parent.is_dir() else []
            raise UserError(
                f"suite '{suite}' has not been run here ({path} is missing)",
                f"Run: {', '.join(known)}" if known else "run it first: bench run suites/<name>.yaml",
            )
        return path
