"""What an engine is: it distributes trials, and is handed what is done with one (no torch, no Ray)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial
    from benchmark.running.progress import Watcher
    from benchmark.running.run_settings import RunSettings
    from benchmark.store.store import Record, Store
    from benchmark.trial.attempt import Attempt
    from benchmark.tuning.rounds import Rounds
    from benchmark.tuning.search import Tuning


class WorkOn(Protocol):
    """Run one trial; return its record, None when another process is at it (benchmark.running.one_trial)."""

    def __call__(
        self,
        trial: Trial,
        store: Store,
        settings: RunSettings,
        attempt: Attempt,
        on_stall: Callable[[], None] | None = None,
    ) -> Record | None: ...


class Engine(Protocol):
    """Run trials, and return those that another run is at; or run a search to its end (Serial, Fanout)."""

    def run(self, trials: Sequence[Trial], watcher: Watcher, at_once: int | None = None) -> list[Trial]: ...

    def search(self, tuning: Tuning, watcher: Watcher) -> Rounds: ...


# building one raises UserError where it cannot run here; entering it starts it
EngineOf = Callable[["Store", "RunSettings"], AbstractContextManager[Engine]]
