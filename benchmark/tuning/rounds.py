"""Ask a sampler for settings, hand out their trials, tell it the scores, in rounds that can be repeated."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.planning.trial import Trial
    from benchmark.tuning.search import Setting, Tuning

Ask = Callable[[int], "Setting"]
Tell = Callable[[int, float | None], None]  # None: it has no score


@dataclass(frozen=True)
class Candidate:
    """One setting that is tried, with one trial per tuning seed; number 0 is the strategy's defaults."""

    number: int
    values: Setting
    trials: tuple[Trial, ...]


class Rounds:
    """Keep the books of a search, whoever runs its trials.

    A round of `at_once` settings is asked for together and told together, in order. What is asked for next
    depends on scores alone, not on which trial ended first: a search that is run again asks the same.
    """

    def __init__(self, tuning: Tuning, ask: Ask, tell: Tell) -> None:
        self.candidates: list[Candidate] = []
        self.scores: dict[str, float | None] = {}  # by trial
        self._tuning, self._ask, self._tell = tuning, ask, tell
        self._round: list[Candidate] = []
        self._waiting: deque[Trial] = deque()

    @property
    def finished(self) -> bool:
        """Say whether every setting is scored."""
        return len(self.candidates) == self._tuning.trials and not self._round

    def next(self) -> Trial | None:
        """Return a trial to run; None where there is none left, or none until the round has ended."""
        while not self._waiting and not self._round and not self.finished:
            self._open()
        return self._waiting.popleft() if self._waiting else None

    def report(self, trial_id: str, score: float | None) -> None:
        """Note the score of a trial; None where it failed."""
        self.scores[trial_id] = score
        self._close_if_ended()

    def candidate_of(self, trial_id: str) -> Candidate:
        """Return the setting that a trial tries."""
        return next(c for c in self.candidates if trial_id in [trial.id for trial in c.trials])

    def score_of(self, candidate: Candidate) -> float | None:
        """Return the mean over seeds; None unless every trial has a score."""
        scores = [self.scores.get(trial.id) for trial in candidate.trials]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if len(known) == len(scores) else None

    def _open(self) -> None:
        """Ask for a round; trials that settings share are run once."""
        for _ in range(min(self._tuning.at_once, self._tuning.trials - len(self.candidates))):
            number = len(self.candidates)
            values = self._tuning.rounded(self._ask(number))
            trials = tuple(self._tuning.trial(values, seed) for seed in self._tuning.seeds)
            candidate = Candidate(number, values, trials)
            known = {trial.id for trial in self._waiting} | self.scores.keys()
            self._waiting += [trial for trial in trials if trial.id not in known]
            self.candidates.append(candidate)
            self._round.append(candidate)
        self._close_if_ended()

    def _close_if_ended(self) -> None:
        if all(trial.id in self.scores for candidate in self._round for trial in candidate.trials):
            for candidate in self._round:
                self._tell(candidate.number, self.score_of(candidate))
            self._round = []
