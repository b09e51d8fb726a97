"""Search a strategy's parameters with Ray Tune and Optuna: benchmark.fanout's engine, asked in rounds."""

from __future__ import annotations

from typing import Any

from benchmark.fanout import Fanout, errand_of
from benchmark.fleet import Fleet
from benchmark.progress import Watcher
from benchmark.rounds import Rounds
from benchmark.sampler import distributions, sampler
from benchmark.tuning import SCORE, Tuning, changed


class Search(Fanout):
    """The engine of `bench tune` on Ray."""

    def search(self, tuning: Tuning, watcher: Watcher) -> Rounds:
        """Run a search to its end; Ctrl-C is as in Fanout.run."""
        from ray import tune

        fleet = Fleet([], self.store, watcher)
        rounds, searcher = _searcher(tuning, fleet)
        settings = tune.TuneConfig(
            search_alg=searcher, num_samples=tuning.trials * len(tuning.seeds), reuse_actors=True
        )
        self._fit(fleet, tune.with_parameters(_try, **self._shipped([tuning.template])), settings)
        return rounds


def _try(config: dict[str, Any], *, shipment: list[Any]) -> None:
    """Run one trial of a search in a worker."""
    from ray import tune

    errand = errand_of(shipment[0])
    (template,) = errand.shipment.trials.values()
    errand.run(changed(template, config["changes"], config["seed"]), tune.report)


def _searcher(tuning: Tuning, fleet: Fleet) -> tuple[Rounds, Any]:
    """Build Optuna's search as Tune knows it, asked in rounds, and their books."""
    from ray.tune.search import Searcher
    from ray.tune.search.optuna import OptunaSearch

    inner = OptunaSearch(
        distributions(tuning.tunable),
        metric=SCORE,
        mode="min",
        sampler=sampler(tuning),
        points_to_evaluate=[tuning.starts],
    )

    def tell(number: int, score: float | None) -> None:
        inner.on_trial_complete(str(number), None if score is None else {SCORE: score}, error=score is None)

    rounds = Rounds(tuning, lambda number: inner.suggest(str(number)) or {}, tell)

    class InRounds(Searcher):
        """Hand Tune the trials of a round; what Tune calls a trial is one seed of a setting."""

        def __init__(self) -> None:
            super().__init__()
            self._handed: dict[str, str] = {}  # Tune's id -> ours

        def __reduce__(self) -> tuple[Any, ...]:
            return Searcher, ()  # Tune saves its searcher to disk; ours holds a terminal

        def suggest(self, trial_id: str) -> Any:
            trial = rounds.next()
            if trial is None:
                return Searcher.FINISHED if rounds.finished else None
            fleet.expect(trial)
            self._handed[trial_id] = trial.id
            values = rounds.candidate_of(trial.id).values
            return {"trial_id": trial.id, "changes": tuning.changes(values), "seed": trial.seed}

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            """Leave progress aside: only the end of a trial counts."""

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            rounds.report(self._handed[trial_id], (result or {}).get(SCORE))

    return rounds, InRounds()
