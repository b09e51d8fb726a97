"""A search as Tune asks for it: Optuna's suggestions, handed out in rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.tuning.rounds import Rounds
from benchmark.tuning.sampler import distributions, sampler
from benchmark.tuning.search import Tuning

if TYPE_CHECKING:
    from benchmark.running.cluster.bookkeeping import TrialBooks


def tune_search(tuning: Tuning, books: TrialBooks) -> tuple[Rounds, Any]:
    """Build Optuna's search as Tune knows it, asked in rounds, and their books."""
    from ray.tune.search.optuna import OptunaSearch

    optuna = OptunaSearch(
        distributions(tuning.tunable),
        metric=tuning.score,
        mode="min",
        sampler=sampler(tuning),
        points_to_evaluate=[tuning.starts],
    )

    def tell(number: int, score: float | None) -> None:
        result = None if score is None else {tuning.score: score}
        optuna.on_trial_complete(str(number), result, error=score is None)

    rounds = Rounds(tuning, lambda number: optuna.suggest(str(number)) or {}, tell)
    return rounds, _in_rounds(rounds, tuning, books)


def _in_rounds(rounds: Rounds, tuning: Tuning, books: TrialBooks) -> Any:
    """Build what hands Tune the trials of a round; what Tune calls a trial is one seed of a setting."""
    from ray.tune.search import Searcher

    class InRounds(Searcher):
        def __init__(self) -> None:
            super().__init__()
            self._handed: dict[str, str] = {}  # Tune's id -> ours

        def __reduce__(self) -> tuple[Any, ...]:
            return Searcher, ()  # Tune saves its searcher to disk; ours holds a terminal

        def suggest(self, trial_id: str) -> Any:
            trial = rounds.next()
            if trial is None:
                return Searcher.FINISHED if rounds.finished else None
            books.expect(trial)
            self._handed[trial_id] = trial.id
            values = rounds.candidate_of(trial.id).values
            return {"trial_id": trial.id, "changes": tuning.changes(values), "seed": trial.seed}

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            """Leave progress aside: only the end of a trial counts."""

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            rounds.report(self._handed[trial_id], (result or {}).get(tuning.score))

    return InRounds()
