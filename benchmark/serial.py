"""Run trials one after the other in this process, without Ray: `bench run --local`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from benchmark.plan import Trial
from benchmark.progress import Watcher
from benchmark.records import Store
from benchmark.terms import Terms
from benchmark.worker import work_on


class Serial(contextlib.AbstractContextManager["Serial"]):
    """The engine without Ray; same records as benchmark.fanout.Fanout."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self.store, self.terms = store, terms

    def __exit__(self, *error: object) -> None:
        """Have nothing to put away."""

    def run(self, trials: Sequence[Trial], watcher: Watcher, at_once: int | None = None) -> list[Trial]:
        """Run trials; return those that another run is at."""
        taken = []
        for trial in trials:

            def progress(stage: str, step: int, steps: int, trial_id: str = trial.id) -> None:
                watcher.step(trial_id, stage, step, steps)

            record = work_on(trial, self.store, self.terms, progress=progress)
            if record is None:
                taken.append(trial)
                continue
            watcher.end(record)
            if record["status"] != "done" and self.terms.fail_fast:
                break
        return taken
