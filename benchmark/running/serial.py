"""Run trials one after the other in this process, without Ray: `bench run --local`, `bench tune --local`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from benchmark.planning.trial import Trial
from benchmark.running.engine import WorkOn
from benchmark.running.progress import Watcher
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Record, Store
from benchmark.tuning.rounds import Rounds
from benchmark.tuning.sampler import ask_and_tell
from benchmark.tuning.search import Tuning


class Serial(contextlib.AbstractContextManager["Serial"]):
    """The engine without Ray; same records as benchmark.running.cluster.fanout.Fanout."""

    def __init__(self, store: Store, settings: RunSettings, work_on: WorkOn) -> None:
        self.store, self.settings, self.work_on = store, settings, work_on

    def __exit__(self, *error: object) -> None:
        """Have nothing to put away."""

    def run(self, trials: Sequence[Trial], watcher: Watcher, at_once: int | None = None) -> list[Trial]:
        """Run trials; return those that another run is at."""
        taken = []
        for trial in trials:
            record = self._work_on(trial, watcher)
            if record is None:
                taken.append(trial)
                continue
            watcher.end(record)
            if record["status"] != "done" and self.settings.fail_fast:
                break
        return taken

    def search(self, tuning: Tuning, watcher: Watcher) -> Rounds:
        """Run a search to its end; it asks what benchmark.running.cluster.fanout.Fanout.search asks."""
        rounds = Rounds(tuning, *ask_and_tell(tuning))
        while (trial := rounds.next()) is not None:
            record = self._work_on(trial, watcher)
            if record is not None:
                watcher.end(record)
            rounds.report(trial.id, (record or {}).get(tuning.score))
        return rounds

    def _work_on(self, trial: Trial, watcher: Watcher) -> Record | None:
        def progress(stage: str, step: int, steps: int) -> None:
            watcher.step(trial.id, stage, step, steps)

        return self.work_on(trial, self.store, self.settings, self.settings.attempt(progress))
