"""One trial in a worker process of a run, whose driver may be on another machine (no Ray)."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data import Dataset
from benchmark.planning.trial import Trial
from benchmark.running.cluster.remote_store import Ask, Outpost
from benchmark.running.one_trial import work_on
from benchmark.running.terms import Terms
from benchmark.store.store import Record, Store
from benchmark.tasks.registry import TASKS

_REPORT_SECONDS, _ASK_SECONDS = 1.0, 0.5
Report = Callable[[dict[str, Any]], None]
# of a failure, to a driver whose disk may be full; and what a search goes by
_TOLD = ("reason", "cause", "traceback", *(task.validation_score for task in TASKS.values()))


@dataclass(frozen=True)
class Shipment:
    """What a worker needs to know of a run; fetched once per process, its datasets once per node.

    Trials bring the sources of the plugins they name: strategies, extractors, and all these import.
    """

    run: str
    root: Path
    driver_node: str
    terms: Terms
    depot: Any  # handle of the actor that runs a Depot
    trials: dict[str, Trial]
    datasets: dict[str, Any] = field(default_factory=dict)  # references, by fingerprint


@dataclass
class Errand:
    """Run trials of a shipment on a node; `ask` calls the driver's depot, `fetch` resolves a reference."""

    shipment: Shipment
    node: str
    ask: Ask
    fetch: Callable[[Any], Any]

    def __post_init__(self) -> None:
        self._reported = self._asked = 0.0
        self._stopping = False
        self._stage = ""
        self._datasets: dict[str, Dataset] = {}
        terms = self.shipment.terms
        if self.node == self.shipment.driver_node:
            self._store: Store = Store(self.shipment.root)
        else:
            self._store = Outpost(self.shipment.run, self.ask, terms.checkpoint_seconds)

    def run(self, trial: Trial, report: Report) -> None:
        """Run a trial; the last report says how it ended: done, failed, taken or interrupted."""
        shipment, trial_id = self.shipment, trial.id

        def progress(stage: str, step: int, steps: int) -> None:
            if isinstance(self._store, Outpost):
                self._store.send_now_and_then(trial_id)
            # the ends of a stage are always told: between them lies what the stage took
            edge = stage != self._stage or step == steps
            if edge or time.monotonic() - self._reported >= _REPORT_SECONDS:
                self._reported, self._stage = time.monotonic(), stage
                report({"stage": stage, "stage_step": step, "stage_steps": steps})

        if not isinstance(self._store, Outpost):
            self.ask("release", trial_id)  # a worker on a node that vanished may have held it
        self._stage = ""
        ended: dict[str, Any] = {"outcome": "interrupted"}
        with contextlib.suppress(KeyboardInterrupt):
            if self.ask("has_stalled", trial_id):
                ended = _ending(self._store.load(trial_id))
            elif not self._stop():
                record = work_on(
                    trial,
                    self._store,
                    shipment.terms,
                    progress=progress,
                    stop=self._stop,
                    dataset=self._dataset(trial.fingerprint),
                    on_stall=lambda: self.ask("note_stalled", trial_id),
                )
                ended = _ending(record)
        report({"stage": "ended", "stage_step": 1, "stage_steps": 1, **ended})

    def _dataset(self, fingerprint: str) -> Dataset:
        """Fetch a dataset, once per process, as arrays of its own: those of a node are read-only."""
        if fingerprint not in self._datasets:
            shared = self.fetch(self.shipment.datasets[fingerprint])
            fields = {field.name: getattr(shared, field.name) for field in dataclasses.fields(shared)}
            own = {name: np.array(v) for name, v in fields.items() if isinstance(v, np.ndarray)}
            self._datasets[fingerprint] = dataclasses.replace(shared, **own)
        return self._datasets[fingerprint]

    def _stop(self) -> bool:
        if time.monotonic() - self._asked >= _ASK_SECONDS:
            self._asked, self._stopping = time.monotonic(), self.ask("stopping")
        return self._stopping


def _ending(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"outcome": "taken"}
    return {"outcome": record["status"]} | {key: record[key] for key in _TOLD if record.get(key) is not None}
