"""The folder `runs/` of a worker that does not see the driver's disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark.store.store import Record, Store
from pcvq2.trainer.whole_file import write_whole

CallDriver = Callable[..., Any]  # calls a method of the driver's ServedStore by its name


class RemoteStore(Store):
    """A scratch folder of this node; records, models, artifacts, logs and checkpoints go to the driver."""

    def __init__(self, run: str, call_driver: CallDriver, every_seconds: float) -> None:
        super().__init__(node_folder() / run)
        self._call_driver, self._every_seconds = call_driver, every_seconds
        self._sent: dict[str, int] = {}
        self._last = time.monotonic()

    @contextlib.contextmanager
    def claim(self, trial_id: str) -> Iterator[bool]:
        """Hold a trial at the driver and fetch what it can go on from; leave nothing of it here."""
        ours = self._call_driver("claim", trial_id)
        try:
            if ours:
                self._fetch(trial_id)
            yield ours
        finally:
            if ours:
                self.send(trial_id)
                self._send_log(trial_id)
                shutil.rmtree(self.checkpoint_path(trial_id), ignore_errors=True)
                shutil.rmtree(self.model_path(trial_id), ignore_errors=True)
                self._call_driver("release", trial_id)

    def load(self, trial_id: str) -> Record | None:
        """Return a trial's record, as the driver has it."""
        return self._call_driver("load", trial_id)

    def write(self, record: Record, artifacts: Mapping[str, bytes]) -> None:
        """Deliver a trial's model and artifacts, then its record."""
        if record["status"] == "done":
            for path in sorted(self.model_path(record["id"]).glob("*")):
                self._call_driver("deliver", self._name(path), path.read_bytes())
        for name, content in artifacts.items():
            self._call_driver("deliver", f"artifacts/{record['id']}/{name}", content)
        self._call_driver("write", record)

    def drop_checkpoint(self, trial_id: str) -> None:
        """Remove a trial's checkpoints here and at the driver."""
        super().drop_checkpoint(trial_id)
        self._call_driver("drop_checkpoint", trial_id)

    def send_now_and_then(self, trial_id: str) -> None:
        """Deliver checkpoints about as often as they are written: a node may vanish."""
        if time.monotonic() - self._last >= self._every_seconds:
            self.send(trial_id)
            self._last = time.monotonic()

    def send(self, trial_id: str) -> None:
        """Deliver a trial's checkpoints and what trials share, where they are new."""
        shared = [*self.shared_codes.glob("*.safetensors"), *self.probes.glob("*")]
        for path in [*self.checkpoint_path(trial_id).glob("[!.]*"), *shared]:
            if path.name[0] == "." or path.suffix == ".lock" or not path.is_file():
                continue
            name, written = self._name(path), path.stat().st_mtime_ns
            if self._sent.get(name) != written:
                self._call_driver("deliver", name, path.read_bytes())
                self._sent[name] = written

    def _fetch(self, trial_id: str) -> None:
        for name in self._call_driver("names", trial_id):
            path = self.root / name
            if not name.startswith("checkpoints/") and path.exists():
                continue
            content = self._call_driver("read", name)
            if content is not None:
                write_whole(path, content)
                self._sent[name] = path.stat().st_mtime_ns

    def _send_log(self, trial_id: str) -> None:
        path = self.log_path(trial_id)
        if path.is_file():
            self._call_driver("log", trial_id, path.read_text(encoding="utf-8", errors="replace"))
            path.unlink()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def node_folder() -> Path:
    """Return this user's scratch folder of this node."""
    folder = Path(tempfile.gettempdir()) / f"bench-node-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
    return folder
