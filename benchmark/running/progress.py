"""Count a run as it goes: what is done, how fast, and an ETA from measured work; knows no terminal."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmark.planning.trial import Trial
from benchmark.planning.work import Part, parts_of
from benchmark.running.paces import Paces
from benchmark.store.store import Record

Clock = Callable[[], float]

_ENOUGH = 0.02  # of all work, measured, for an ETA
_MANY = 300  # trials


class Watcher(Protocol):
    """Receive what happens to trials."""

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None: ...

    def end(self, record: Record) -> None: ...

    def note(self, text: str) -> None: ...


@dataclass
class Running:
    """Where one running trial stands."""

    stage: str = "starting"
    step: int = 0
    steps: int = 0
    began: float = 0.0  # when the stage was first heard of, and at which step
    first: int = 0
    heard: float = 0.0  # when it was last heard of

    def pace(self, now: float) -> float | None:
        """Return the stage's steps per second in this run; None until there is something to measure."""
        passed = now - self.began
        return (self.step - self.first) / passed if passed > 0 and self.step > self.first else None

    @property
    def share(self) -> float:
        """Return the share of the stage that is done."""
        return self.step / self.steps if self.steps else 0.0


@dataclass
class Run:
    """Count a run's trials and estimate when it ends; knows nothing of terminals."""

    trials: Sequence[Trial]
    clock: Clock = time.monotonic
    running: dict[str, Running] = field(default_factory=dict)
    done: int = 0
    failed: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = self.clock()
        self.titles = {trial.id: trial.title for trial in self.trials}
        self._parts = {trial.id: parts_of(trial) for trial in self.trials}
        self._work: dict[tuple[object, ...], float] = {}  # of all parts, by kind
        for part in {p.name: p for parts in self._parts.values() for p in parts.values()}.values():
            self._work[part.kind] = self._work.get(part.kind, 0.0) + part.work
        self._shares: dict[tuple[object, ...], float] = {}  # what is done of a part, by anybody
        self._ended: set[str] = set()
        self._paces = Paces()
        self._kept: tuple[float, dict[str, float]] = (-math.inf, {})  # what was left, and when
        self.at_once = 0  # trials seen running together

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        """Note that a trial has done `step` of `steps` in a stage, or waits in one of no work."""
        now, last = self.clock(), self.running.get(trial_id)
        parts = self._parts[trial_id]
        began, first = now, step
        if last is not None and last.stage == stage and last.step <= step:
            began, first = last.began, last.first
        heard = Running(stage, step, steps, began, first, now)
        if last is not None:
            self._learn(parts, last, heard)
        self.running[trial_id] = heard
        self.at_once = max(self.at_once, len(self.running))
        if stage in parts:
            order = list(parts)
            for earlier in order[: order.index(stage)]:
                if earlier != "probes":
                    self._shares[parts[earlier].name] = 1.0
            name = parts[stage].name
            self._shares[name] = max(self._shares.get(name, 0.0), heard.share)

    def _learn(self, parts: dict[str, Part], last: Running, now: Running) -> None:
        """Measure what happened between two reports, where all of it was one stage's work."""
        passed, part = now.heard - last.heard, parts.get(last.stage)
        if part is None:
            return  # it waited
        if now.stage == last.stage:
            self._paces.note(part.kind, max(0.0, now.share - last.share) * part.work, passed)
        elif now.step == 0 and now.stage in parts:  # the next stage begins
            self._paces.note(part.kind, (1 - last.share) * part.work, passed)

    def end(self, record: Record) -> None:
        """Note that a trial has ended."""
        trial_id, now = record["id"], self.clock()
        last = self.running.pop(trial_id, None)
        parts = self._parts[trial_id]
        if record["status"] == "done":
            self.done += 1
            if last is not None and last.stage in parts:
                left = list(parts.values())[list(parts).index(last.stage) + 1 :]
                work = (1 - last.share) * parts[last.stage].work + sum(part.work for part in left)
                kind = parts[last.stage].kind if not left else ("several stages",)
                self._paces.note(kind, work, now - last.heard)
        else:
            self.failed.append(record)
        self._ended.add(trial_id)
        for part in parts.values():
            if record["status"] == "done" or part.name[-1] == trial_id:
                self._shares[part.name] = 1.0

    def again(self, trial_id: str) -> None:
        """Note that a trial that failed is run once more."""
        self.failed = [record for record in self.failed if record["id"] != trial_id]
        self._ended.discard(trial_id)
        for part in self._parts[trial_id].values():
            if part.name[-1] == trial_id:
                self._shares.pop(part.name, None)

    @property
    def share(self) -> float:
        """Return the share of the work that is done, as far as is known how long it takes."""
        whole = sum(self._paces.seconds(kind, work) for kind, work in self._work.items())
        return 1 - sum(self._left().values()) / max(1e-9, whole)

    @property
    def eta_seconds(self) -> float | None:
        """Return the seconds left at the paces so far; None until a fiftieth of the work is measured.

        Trials go in their order to whoever is free first, as many at once as were seen together.
        """
        if self._paces.measured < _ENOUGH * sum(self._work.values()):
            return None
        free = [0.0] * max(1, self.at_once)
        for seconds in self._left().values():
            heapq.heapreplace(free, free[0] + seconds)
        return max(free)

    def _left(self) -> dict[str, float]:
        """Return the seconds that each trial has left, running ones first.

        What is shared is left to whoever comes first. A large suite looks once a second at the most:
        looking takes longer than a step.
        """
        now = self.clock()
        if len(self.trials) > _MANY and now - self._kept[0] < 1.0:
            return self._kept[1]
        taken: set[tuple[object, ...]] = set()
        left = {}
        for trial_id in [*self.running, *(t for t in self._parts if t not in self.running)]:
            if trial_id in self._ended:
                continue
            parts = [part for part in self._parts[trial_id].values() if part.name not in taken]
            taken |= {part.name for part in parts}
            left[trial_id] = sum(
                self._paces.seconds(part.kind, part.work) * (1 - self._shares.get(part.name, 0.0))
                for part in parts
            )
        self._kept = (now, left)
        return left

    def line(self) -> str:
        """Return the state in one line."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        counts = f"{self.done}/{len(self.trials)} done{failed}"
        left = len(self.trials) - self.done - len(self.failed)
        elapsed = clock_time(self.clock() - self.started)
        if not left:
            return f"{counts} in {elapsed}"
        eta = self.eta_seconds
        pace = "measuring the pace" if eta is None else f"about {clock_time(eta)} left"
        return f"{counts}, {left} to go, {elapsed} elapsed, {pace}"


def clock_time(seconds: float) -> str:
    """Write seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
