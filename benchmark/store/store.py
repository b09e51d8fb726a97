"""The store of records: one JSON file per trial, named by its content hash, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from benchmark.errors import UserError
from benchmark.naming import suite_name
from benchmark.store.namesakes import refuse_namesake
from benchmark.store.storable import storable
from pcvq2.trainer.scratch import sweep
from pcvq2.trainer.whole_file import write_whole

Record = dict[str, Any]
_LONGEST_REASON, _LONGEST_TRACE = 4_000, 40_000  # characters: an exception may quote a whole array
_SWEPT = (
    "records",
    "suites",
    "artifacts/*",
    "models/*",
    "codes",
    "probes",
    "features",
    "extractors",
    "tuning/*",
)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold a lock file; False when another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


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

    def log_path(self, name: str) -> Path:
        """Return where a trial's log lies, or Ray's."""
        return self.root / "logs" / f"{name}.log"

    def drop_checkpoint(self, trial_id: str) -> None:
        """Remove a trial's checkpoints, if there are any."""
        shutil.rmtree(self.checkpoint_path(trial_id), ignore_errors=True)

    def drop_model(self, trial_id: str) -> None:
        """Remove a trial's trained model, if there is one."""
        shutil.rmtree(self.model_path(trial_id), ignore_errors=True)

    def drop_shared_codes(self) -> None:
        """Remove the shared auto-encoders no process is training or reading."""
        for path in self.shared_codes.glob("*.safetensors"):
            with _held(path.with_suffix(".lock")) as ours:
                if ours:
                    path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what processes that were killed while writing a file left behind."""
        for pattern in _SWEPT:
            for folder in self.root.glob(pattern):
                sweep(folder)

    @contextlib.contextmanager
    def claim(self, trial_id: str) -> Iterator[bool]:
        """Hold a trial while it is run; False when another process does. A process that dies lets go."""
        path = self.root / "locks" / f"{trial_id}.lock"
        with _held(path) as ours:
            yield ours
            if ours and self.is_done(trial_id):  # whoever waited for this file looks for the record first
                path.unlink(missing_ok=True)

    def is_claimed(self, trial_id: str) -> bool:
        """Say whether some process holds a trial."""
        path = self.root / "locks" / f"{trial_id}.lock"
        if not path.exists():
            return False
        with _held(path) as free:
            return not free

    def with_checkpoints(self) -> set[str]:
        """Return the trials that have checkpoints."""
        return {path.name for path in self.checkpoint_path("").glob("*")}

    def records(self) -> Iterator[Record]:
        """Yield every record there is."""
        for path in sorted((self.root / "records").glob("*.json")):
            record = self.load(path.stem)
            if record is not None:
                yield record

    def load(self, trial_id: str) -> Record | None:
        """Return a trial's record; None when there is none, or the file is not a record."""
        try:
            record = json.loads(self.record_path(trial_id).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        whole = isinstance(record, dict) and record.get("id") == trial_id and "status" in record
        return record if whole else None

    def is_done(self, trial_id: str) -> bool:
        """Say whether a trial has ended well; a failure is a record, but never counts as done."""
        record = self.load(trial_id)
        return record is not None and record["status"] == "done"

    def write(self, record: Record, artifacts: Mapping[str, bytes]) -> None:
        """Write a trial's artifacts, then its record: a record says that all else is there.

        Raises ValueError where the record of a finished trial holds what is no JSON value.
        """
        for name, content in artifacts.items():
            write_whole(self.root / "artifacts" / record["id"] / name, content)
        text = json.dumps(storable(record), indent=1, allow_nan=False)
        write_whole(self.record_path(record["id"]), text.encode())

    def manifest_path(self, suite: str) -> Path:
        """Return where the list of a suite's trials lies."""
        return self.root / "suites" / f"{suite}.json"

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the list of a suite's trials, which a report starts from."""
        text = json.dumps(manifest, indent=1)
        write_whole(self.manifest_path(manifest["suite"]), text.encode())

    def refuse_namesake(self, manifest: Mapping[str, Any]) -> None:
        """Raise UserError where the list of another suite of that name would be replaced."""

        def is_same(known: Mapping[str, Any]) -> bool:
            return {t["id"] for t in known["trials"]} == {t["id"] for t in manifest["trials"]}

        suite = manifest["suite"]
        refuse_namesake(self.manifest_path(suite), suite, Path(manifest["file"]), is_same)

    def manifests(self) -> Iterator[dict[str, Any]]:
        """Yield the manifest of every suite that was run here; what is no manifest is left out."""
        for path in sorted((self.root / "suites").glob("*.json")):
            with contextlib.suppress(ValueError):
                manifest = json.loads(path.read_bytes())
                if isinstance(manifest, dict) and isinstance(manifest.get("trials"), list):
                    yield manifest

    def find_manifest(self, suite: str) -> Path:
        """Return the manifest of a suite that was run. Raises UserError."""
        path = self.manifest_path(suite)
        if not path.is_file():
            known = sorted(suite_name(p) for p in path.parent.glob("*.json")) if path.parent.is_dir() else []
            raise UserError(
                f"suite '{suite}' has not been run here ({path} is missing)",
                f"Run: {', '.join(known)}" if known else "run it first: bench run suites/<name>.yaml",
            )
        return path
