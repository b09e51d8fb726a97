"""The driver's side of a run: what workers without its disk fetch and deliver, and the word to stop."""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePosixPath

from benchmark.store.store import Record, Store
from pcvq2.trainer.whole_file import write_whole

_FOLDERS = ("artifacts", "checkpoints", "codes", "models", "probes")
_SHARED = ("codes/*.safetensors", "probes/*")


class ServedStore:
    """Serve the folder `runs/` of the driver; Ray keeps one of it alive on the driver's node."""

    def __init__(self, root: Path) -> None:
        self._store = Store(root)
        self._claims: dict[str, contextlib.ExitStack] = {}
        self._stopping = False
        self._stalled: set[str] = set()

    def stop(self) -> None:
        """Have running trials write a checkpoint and end."""
        self._stopping = True

    def stopping(self) -> bool:
        """Say whether trials shall end."""
        return self._stopping

    def note_stalled(self, trial_id: str) -> None:
        """Note that a trial hung and took its worker with it; whoever takes over shall leave it."""
        self._stalled.add(trial_id)

    def has_stalled(self, trial_id: str) -> bool:
        """Say whether a trial hung in this run."""
        return trial_id in self._stalled

    def claim(self, trial_id: str) -> bool:
        """Hold a trial for a worker of this run, which has each trial once; False when another run does."""
        if trial_id not in self._claims:
            with contextlib.ExitStack() as stack:
                if not stack.enter_context(self._store.claim(trial_id)):
                    return False
                self._claims[trial_id] = stack.pop_all()
        return True

    def release(self, trial_id: str) -> None:
        """Let go of a trial."""
        self._claims.pop(trial_id, contextlib.ExitStack()).close()

    def names(self, trial_id: str) -> list[str]:
        """Name what a trial can go on from: its checkpoints, and what trials share."""
        found = [*self._store.checkpoint_path(trial_id).glob("[!.]*")]
        for pattern in _SHARED:
            found += [path for path in self._store.root.glob(pattern) if path.name[0] != "."]
        root = self._store.root
        return [p.relative_to(root).as_posix() for p in found if p.is_file() and p.suffix != ".lock"]

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None when it has gone."""
        try:
            return self._place(name).read_bytes()
        except FileNotFoundError:
            return None

    def deliver(self, name: str, content: bytes) -> None:
        """Write a file of a worker's `runs/` into the driver's."""
        write_whole(self._place(name), content)

    def load(self, trial_id: str) -> Record | None:
        """Return a trial's record."""
        return self._store.load(trial_id)

    def write(self, record: Record) -> None:
        """Write a record, after everything else of its trial was delivered."""
        self._store.write(record, {})

    def log(self, trial_id: str, text: str) -> None:
        """Append to a trial's log."""
        path = self._store.log_path(trial_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def drop_checkpoint(self, trial_id: str) -> None:
        """Remove a trial's checkpoints."""
        self._store.drop_checkpoint(trial_id)

    def _place(self, name: str) -> Path:
        """Return where a name stands; whatever a worker says, that is below one of five folders."""
        parts = PurePosixPath(name).parts
        if "\\" in name or ".." in parts or len(parts) < 2 or parts[0] not in _FOLDERS:
            raise ValueError(f"refused: '{name}' names no file of a run")
        return self._store.root.joinpath(*parts)
