"""The search algorithm: Optuna's tree-structured Parzen estimator. The one file that imports Optuna."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strategies.contract.tunable import Uniform

if TYPE_CHECKING:
    from benchmark.tuning.rounds import Ask, Tell
    from benchmark.tuning.search import Setting, Tuning
    from strategies.contract.tunable import Tunable


def random_trials(trials: int) -> int:
    """Return how many settings, the defaults among them, are tried before there is a model of the scores.

    Optuna's default of 10 would make a search of 10 trials a random one; a third leaves most to the model.
    """
    return max(2, min(10, trials // 3))


def distributions(tunable: Tunable) -> dict[str, Any]:
    """Return what may be tuned in Optuna's words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        name: FloatDistribution(domain.low, domain.high, log=domain.log)
        if isinstance(domain, Uniform)
        else CategoricalDistribution(domain.values)
        for name, domain in tunable.items()
    }


def sampler(tuning: Tuning) -> Any:
    """Return the seeded sampler.

    Source: Bergstra et al. (2011), *Algorithms for Hyper-Parameter Optimization*, as Optuna implements it.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.samplers.TPESampler(seed=tuning.sampler_seed, n_startup_trials=random_trials(tuning.trials))


def describe(tuning: Tuning) -> dict[str, Any]:
    """Return what the result says of the search algorithm."""
    import optuna

    return {
        "name": "optuna.samplers.TPESampler",
        "optuna": optuna.__version__,
        "seed": tuning.sampler_seed,
        "trials_before_the_model": random_trials(tuning.trials),
        "settings_at_once": tuning.at_once,
    }


def ask_and_tell(tuning: Tuning) -> tuple[Ask, Tell]:
    """Return the sampler's two functions, without Ray: the defaults first, then what it suggests."""
    import optuna

    study = optuna.create_study(sampler=sampler(tuning))
    study.enqueue_trial(tuning.starts)
    asked: dict[int, Any] = {}
    space = distributions(tuning.tunable)

    def ask(number: int) -> Setting:
        asked[number] = study.ask(space)
        values: Setting = asked[number].params
        return values

    def tell(number: int, score: float | None) -> None:
        state = optuna.trial.TrialState.FAIL if score is None else None
        study.tell(asked[number], score, state=state)

    return ask, tell
