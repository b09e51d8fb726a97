"""Count a run as it goes: what is done, how fast, and an ETA from measured work; knows no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmark.plan import Trial
from benchmark.records import Record

Clock = Callable[[], float]

# cost of a step of stage `codes` and of all scoring, in steps of stage `prior` of the same trial (digits and
# cats, two cores)
_CODES_STEP, _SCORING = 0.4, 30.0


class Watcher(Protocol):
    """Receive what happens to trials."""

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None: ...

    def end(self, record: Record) -> None: ...

    def note(self, text: str) -> None: ...


def codes_group(trial: Trial) -> tuple[object, ...] | None:
    """Name the auto-encoder a trial shares; None when it trains its own."""
    if "codes" in trial.strategy.augmented_stages:
        return None
    model = trial.model
    noise = (trial.fingerprint, trial.budget, trial.seed, trial.initialisation)
    return (*noise, model.size, model.vqvae, model.codes_stage)


def step_work(trial: Trial) -> float:
    """Estimate the multiplications of a step of stage `prior`: datasets and models of a suite differ."""
    prior = trial.model.prior
    return trial.model.prior_stage.batch * trial.model.size**2 * prior.channels**2 * prior.layers


def work_of(trials: Iterable[Trial]) -> dict[str, float]:
    """Estimate each trial's work, in its own steps of the stage prior; a shared auto-encoder counts once."""
    seen: set[tuple[object, ...]] = set()
    work = {}
    for trial in trials:
        group = codes_group(trial)
        own = group is None or group not in seen
        if group is not None:
            seen.add(group)
        codes = _CODES_STEP * trial.model.codes_stage.steps if own else 0.0
        work[trial.id] = codes + trial.model.prior_stage.steps + _SCORING
    return work


@dataclass
class Running:
    """Where one running trial stands."""

    stage: str = "starting"
    step: int = 0
    steps: int = 0
    done_work: float = 0.0
    began: float = 0.0  # when the stage was first heard of, and at which step
    first: int = 0

    def pace(self, now: float) -> float | None:
        """Return the stage's steps per second in this run; None until there is something to measure."""
        passed = now - self.began
        return (self.step - self.first) / passed if passed > 0 and self.step > self.first else None


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
        self._step_work = {trial.id: step_work(trial) for trial in self.trials}
        self._steps = work_of(self.trials)
        self.work = {trial_id: steps * self._step_work[trial_id] for trial_id, steps in self._steps.items()}
        self.titles = {trial.id: trial.title for trial in self.trials}
        self._models = {trial.id: trial.model for trial in self.trials}
        self._finished_work = 0.0
        self._resumed_work: dict[str, float] = {}  # done by an earlier run: it says nothing about the pace
        self._first_step: float | None = None
        self.at_once = 0  # trials seen running together

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        """Note that a trial has done `step` of `steps` in a stage."""
        if self._first_step is None:
            self._first_step = self.clock()  # start-up of the workers is not work
        whole = self._steps[trial_id]
        if stage == "codes":
            done = min(_CODES_STEP * step, whole)
        elif stage == "prior":
            done = whole - self._models[trial_id].prior_stage.steps - _SCORING + step
        else:
            done = whole - _SCORING
        done *= self._step_work[trial_id]
        self._resumed_work.setdefault(trial_id, done)
        last = self.running.get(trial_id)
        began, first = self.clock(), step
        if last is not None and last.stage == stage and last.step <= step:
            began, first = last.began, last.first
        self.running[trial_id] = Running(stage, step, steps, done, began, first)
        self.at_once = max(self.at_once, len(self.running))

    def end(self, record: Record) -> None:
        """Note that a trial has ended."""
        self.running.pop(record["id"], None)
        self._finished_work += self.work[record["id"]]
        if record["status"] == "done":
            self.done += 1
        else:
            self.failed.append(record)

    def again(self, trial_id: str) -> None:
        """Note that a trial that failed is run once more."""
        self.failed = [record for record in self.failed if record["id"] != trial_id]
        self._finished_work -= self.work[trial_id]

    @property
    def share(self) -> float:
        """Return the share of the work that is done."""
        done = self._finished_work + sum(r.done_work for r in self.running.values())
        return done / max(1e-9, sum(self.work.values()))

    @property
    def eta_seconds(self) -> float | None:
        """Return the seconds left at the mean pace so far; None until a fiftieth of the work is measured."""
        total = sum(self.work.values())
        measured = self.share * total - sum(self._resumed_work.values())
        if self._first_step is None or measured < 0.02 * total:
            return None
        return (self.clock() - self._first_step) * (1 - self.share) * total / measured

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
