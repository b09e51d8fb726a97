"""The books of a run under Ray: which trials are running, how each ended, and when to leave (no Ray)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.store.store import Record, Store
from benchmark.trial.record import failure

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial
    from benchmark.running.progress import Watcher

_GRACE_SECONDS = 60.0  # for running trials to write a checkpoint
_REPEAT_SECONDS = 2.0  # the word to stop is given again: whoever heard it may have died


class TrialBooks:
    """Note what happens to trials, and pass it on to the watcher."""

    def __init__(
        self, trials: Sequence[Trial], store: Store, watcher: Watcher, *, fail_fast: bool = False
    ) -> None:
        self.store, self.watcher, self.fail_fast = store, watcher, fail_fast
        self.taken: list[Trial] = []  # another run is at them
        self._trials = {trial.id: trial for trial in trials}
        self._running: set[str] = set()
        self._failed = False
        self._awaited: set[str] | None = None  # once stopping: who has yet to write a checkpoint
        self._began = self._told = 0.0

    def expect(self, trial: Trial) -> None:
        """Take in a trial that was not known at the start: a search makes them up as it goes."""
        self._trials[trial.id] = trial

    def start(self, trial_id: str) -> None:
        """Note that a trial runs."""
        self._running.add(trial_id)

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        """Pass progress on."""
        self.watcher.step(trial_id, stage, step, steps)

    def end(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Note that a worker is done with a trial; its last result says how it ended."""
        outcome = result.get("outcome")
        if outcome == "taken":
            self.taken.append(self._trials[trial_id])
        elif outcome == "failed":
            record = self.store.load(trial_id)
            if record is None or record["status"] != "failed":  # the disk was full
                record = failure(
                    self._trials[trial_id], result["reason"], result["traceback"], result["cause"]
                )
            self._end(record)
        elif outcome == "done":
            record = self.store.load(trial_id)
            self._end(record) if record else self.lose(trial_id, "its worker left no record")
        self._leave(trial_id)

    def lose(self, trial_id: str, trace: str) -> None:
        """Note that workers died under a trial too often."""
        record = self.store.load(trial_id)
        if record is None or record["status"] != "done":
            reason = "its worker died (killed, or out of memory), and so did those that took over"
            record = failure(self._trials[trial_id], reason, trace, "worker_died")
            with contextlib.suppress(OSError):  # a full disk: the summary still says so
                self.store.write(record, {})
        self._end(record)
        self._leave(trial_id)

    def should_stop(self, interrupted: bool) -> bool:
        """Say whether the word to stop is to be given now."""
        if not interrupted and not (self.fail_fast and self._failed):
            return False
        now = time.monotonic()
        if self._awaited is None:
            self._awaited, self._began = set(self._running), now
            again = "; Ctrl-C again ends at once" if interrupted else ""
            self.watcher.note(f"stopping: {len(self._awaited)} running trials write a checkpoint{again}")
        if now - self._told < _REPEAT_SECONDS:
            return False
        self._told = now
        return True

    @property
    def stopped(self) -> bool:
        """Say whether every running trial has ended, or had the time to."""
        if self._awaited is None:
            return False
        return not self._awaited or time.monotonic() - self._began > _GRACE_SECONDS

    def _end(self, record: Record) -> None:
        self._failed |= record["status"] != "done"
        self.watcher.end(record)

    def _leave(self, trial_id: str) -> None:
        self._running.discard(trial_id)
        if self._awaited is not None:
            self._awaited.discard(trial_id)
