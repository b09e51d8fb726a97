"""What Tune runs in a worker process, whose driver may be on another machine: one trial at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.data import Dataset
from benchmark.planning.trial import Trial
from benchmark.running.cluster.remote_store import CallDriver, RemoteStore
from benchmark.running.cluster.shared_run import SharedRun
from benchmark.store.store import Record, Store
from benchmark.tasks.registry import TASKS
from benchmark.tuning.search import changed

_REPORT_SECONDS, _ASK_SECONDS = 1.0, 0.5
Report = Callable[[dict[str, Any]], None]
# of a failure, to a driver whose disk may be full; and what a search goes by
_TOLD = ("reason", "cause", "traceback", *(task.validation_score for task in TASKS.values()))


def run_planned(config: dict[str, Any], *, shared: list[Any]) -> None:
    """Run one trial of a suite."""
    from ray import tune

    worker = worker_of(shared[0])
    worker.run(worker.shared.trials[config["trial_id"]], tune.report)


def run_suggested(config: dict[str, Any], *, shared: list[Any]) -> None:
    """Run one trial of a search: the search's first one, changed."""
    from ray import tune

    worker = worker_of(shared[0])
    (template,) = worker.shared.trials.values()
    worker.run(changed(template, config["changes"], config["seed"]), tune.report)


@functools.lru_cache(maxsize=1)
def worker_of(reference: Any) -> Worker:
    """Fetch what workers share, once per process: with reuse_actors a process runs many trials."""
    import ray

    shared: SharedRun = ray.get(reference)
    node = ray.get_runtime_context().get_node_id()

    def call_driver(method: str, *arguments: Any) -> Any:
        return ray.get(getattr(shared.served, method).remote(*arguments))

    return Worker(shared, node, call_driver, ray.get)


@dataclass
class Worker:
    """Run trials of a run on a node; `call_driver` asks its ServedStore, `fetch` resolves a reference."""

    shared: SharedRun
    node: str
    call_driver: CallDriver
    fetch: Callable[[Any], Any]

    def __post_init__(self) -> None:
        self._reported = self._asked = 0.0
        self._stopping = False
        self._stage = ""
        self._datasets: dict[str, Dataset] = {}
        shared = self.shared
        if self.node == shared.driver_node:
            self._store: Store = Store(shared.root)
        else:
            self._store = RemoteStore(shared.run, self.call_driver, shared.settings.checkpoint_seconds)

    def run(self, trial: Trial, report: Report) -> None:
        """Run a trial; the last report says how it ended: done, failed, taken or interrupted."""
        if not isinstance(self._store, RemoteStore):
            self.call_driver("release", trial.id)  # a worker on a node that vanished may have held it
        self._stage = ""
        ended: dict[str, Any] = {"outcome": "interrupted"}
        with contextlib.suppress(KeyboardInterrupt):
            if self.call_driver("has_stalled", trial.id):
                ended = _ending(self._store.load(trial.id))
            elif not self._stop():
                ended = _ending(self._work_on(trial, report))
        report({"stage": "ended", "stage_step": 1, "stage_steps": 1, **ended})

    def _work_on(self, trial: Trial, report: Report) -> Record | None:
        """Run a trial and report about once a second how far it is."""

        def progress(stage: str, step: int, steps: int) -> None:
            if isinstance(self._store, RemoteStore):
                self._store.send_now_and_then(trial.id)
            # the ends of a stage are always told: between them lies what the stage took
            edge = stage != self._stage or step == steps
            if edge or time.monotonic() - self._reported >= _REPORT_SECONDS:
                self._reported, self._stage = time.monotonic(), stage
                report({"stage": stage, "stage_step": step, "stage_steps": steps})

        def note_stalled() -> None:
            self.call_driver("note_stalled", trial.id)

        settings = self.shared.settings
        attempt = settings.attempt(progress, self._stop, self._dataset(trial.fingerprint))
        return self.shared.work_on(trial, self._store, settings, attempt, note_stalled)

    def _dataset(self, fingerprint: str) -> Dataset:
        """Fetch a dataset, once per process, as arrays of its own: those of a node are read-only."""
        if fingerprint not in self._datasets:
            lent = self.fetch(self.shared.datasets[fingerprint])
            fields = {field.name: getattr(lent, field.name) for field in dataclasses.fields(lent)}
            own = {name: np.array(v) for name, v in fields.items() if isinstance(v, np.ndarray)}
            self._datasets[fingerprint] = dataclasses.replace(lent, **own)
        return self._datasets[fingerprint]

    def _stop(self) -> bool:
        if time.monotonic() - self._asked >= _ASK_SECONDS:
            self._asked, self._stopping = time.monotonic(), self.call_driver("stopping")
        return self._stopping


def _ending(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"outcome": "taken"}
    return {"outcome": record["status"]} | {key: record[key] for key in _TOLD if record.get(key) is not None}
