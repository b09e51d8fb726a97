"""Run trials, or a search, by Ray Tune on a machine or a cluster. The one file that imports Ray."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from benchmark.cores import usable_cores
from benchmark.data import load_dataset
from benchmark.errors import UserError
from benchmark.planning.trial import Trial
from benchmark.running.cluster.bookkeeping import Fleet
from benchmark.running.cluster.ray_folder import ray_folder
from benchmark.running.cluster.ray_output import keep_chatter, to_file
from benchmark.running.cluster.ray_settings import LOOPBACK, RAY_ENVIRONMENT, ignore_clusters, token_mode
from benchmark.running.cluster.ray_watch import Pulse, RayWatch, refuse_silence
from benchmark.running.cluster.served_store import Depot
from benchmark.running.cluster.worker_process import Errand, Shipment
from benchmark.running.interrupts import TwoStrokes
from benchmark.running.progress import Watcher
from benchmark.running.terms import Terms
from benchmark.store.store import Store
from benchmark.tuning.rounds import Rounds
from benchmark.tuning.sampler import distributions, sampler
from benchmark.tuning.search_plan import SCORE, Tuning, changed

_VITAL = {"raylet", "gcs_server"}  # without its other processes Ray goes on
_LIVES = 4  # how often a worker may die under a trial before the trial counts as failed


class Fanout(contextlib.AbstractContextManager["Fanout"]):
    """The engine on Ray: start it here, loopback only, or join a cluster; stop it whatever happens."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self.store, self.terms = store, terms
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if not self.terms.address:
            ignore_clusters()
        os.environ.update(RAY_ENVIRONMENT | (token_mode() if self.terms.address else LOOPBACK))
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        with contextlib.ExitStack() as stack:
            stack.enter_context(to_file(self.store.log_path("ray"), ("ray", "ray.tune", "ray.train")))
            session = _ray_session(ray, self.store, self.terms.address)
            self._folder, self._watch = stack.enter_context(session)
            self._node = ray.get_runtime_context().get_node_id()
            here = NodeAffinitySchedulingStrategy(self._node, soft=False)
            kept = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
            self._depot: Any = ray.remote(Depot).options(**kept).remote(self.store.root)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, trials: Sequence[Trial], watcher: Watcher, at_once: int | None = None) -> list[Trial]:
        """Run trials, as many at once as the shares allow; return those that another run is at.

        The first Ctrl-C has running trials write a checkpoint, the second ends at once; both raise
        KeyboardInterrupt.
        """
        from ray import tune

        fleet = Fleet(trials, self.store, watcher, fail_fast=self.terms.fail_fast)
        at_once = at_once or self.terms.max_concurrent
        settings = tune.TuneConfig(reuse_actors=True, max_concurrent_trials=at_once)
        named = {"trial_id": tune.grid_search([trial.id for trial in trials])}
        self._fit(fleet, tune.with_parameters(_train, **self._shipped(trials)), settings, named)
        return fleet.taken

    def _fit(self, fleet: Fleet, trainable: Any, settings: Any, space: dict[str, Any] | None = None) -> None:
        """Have Tune run a trainable whose configurations name trials that the fleet knows."""
        import ray
        from ray import tune

        with (
            TwoStrokes() as strokes,
            self._watch.telling(fleet.watcher.note, lambda: strokes.first),
            tempfile.TemporaryDirectory(dir=self._folder) as scratch,
        ):
            ray.get(self._depot.__ray_ready__.remote())
            tuner = tune.Tuner(
                tune.with_resources(trainable, {"cpu": self.terms.cpus, "gpu": self.terms.gpus}),
                param_space=space,
                tune_config=settings,
                run_config=tune.RunConfig(
                    name="bench",
                    storage_path=scratch,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=_LIVES - 1),
                    callbacks=[_callback(fleet, strokes, self._watch, lambda: self._depot.stop.remote())],
                ),
            )
            with contextlib.suppress(_Stopped):
                tuner.fit()

    def _shipped(self, trials: Sequence[Trial]) -> dict[str, Any]:
        """Return the argument by which workers get at a shipment."""
        import ray

        return {"shipment": [ray.put(self._shipment(trials))]}

    def _shipment(self, trials: Sequence[Trial]) -> Shipment:
        import ray

        specs = {trial.fingerprint: trial.dataset for trial in trials}
        return Shipment(
            run=self.store.root.name + "-" + self._node[:8],
            root=self.store.root,
            driver_node=self._node,
            terms=self.terms,
            depot=self._depot,
            trials={trial.id: trial for trial in trials},
            datasets={mark: ray.put(load_dataset(spec)) for mark, spec in specs.items()},
        )

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


class _Stopped(BaseException):
    """Leave Tune's loop: a trial failed and the rest shall not be run."""


@contextlib.contextmanager
def _ray_session(ray: Any, store: Store, address: str | None) -> Iterator[tuple[Path, RayWatch]]:
    """Start Ray, or join a cluster; yield a folder for its books, and its watch. Leave nothing but a log."""
    if ray.is_initialized():  # in a notebook: its tasks would be lost with ours
        raise UserError(
            "Ray runs in this process already", "ray.shutdown() first, or run without Ray: local=True"
        )
    ours = (
        threading.current_thread() is threading.main_thread()
    )  # no other may set handlers, nor does Ray there
    previous = signal.getsignal(signal.SIGTERM)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    with ray_folder() as folder:
        try:
            if address:
                _join(ray, address, quiet)
            else:
                cores = {"num_cpus": usable_cores()}
                ray.init("local", include_dashboard=False, _temp_dir=str(folder), **cores, **quiet)
            if ours:
                signal.signal(signal.SIGTERM, previous)  # Ray's own ends the process without a checkpoint
            with RayWatch(*_pulse(address, folder, store.log_path("ray"))) as watch:
                yield folder, watch
        finally:
            if ours:
                signal.signal(signal.SIGTERM, previous)
            ray.shutdown()
            keep_chatter(folder, store.log_path("ray"))


def _join(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    hint = "run bench on a node of the cluster; `ray start --head` starts one"
    try:
        refuse_silence(address)
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        problem = f"--address {address}: no Ray cluster answers there ({str(error).splitlines()[0]})"
        raise UserError(problem, hint) from error


def _pulse(
    address: str | None, folder: Path, log: Path
) -> tuple[Callable[[], str | None], Callable[[], None]]:
    """Return what says which part of Ray has died, if any, and what puts the rest of it away then."""
    from ray._private import worker

    node: Any = worker._global_node

    def missing() -> str | None:
        return next((kind for kind, _ in node.dead_processes() if kind in _VITAL), None)

    def put_away() -> None:
        if not address:
            node.kill_all_processes(check_alive=False)
        keep_chatter(folder, log)
        shutil.rmtree(folder, ignore_errors=True)

    return Pulse(node.raylet_socket_name, node.gcs_address).missing if address else missing, put_away


def _train(config: dict[str, Any], *, shipment: list[Any]) -> None:
    """Run one trial in a worker."""
    from ray import tune

    errand = errand_of(shipment[0])
    errand.run(errand.shipment.trials[config["trial_id"]], tune.report)


@functools.lru_cache(maxsize=1)
def errand_of(reference: Any) -> Errand:
    """Fetch a shipment, once per process: with reuse_actors a process runs many trials."""
    import ray

    shipment: Shipment = ray.get(reference)
    node = ray.get_runtime_context().get_node_id()

    def ask(method: str, *arguments: Any) -> Any:
        return ray.get(getattr(shipment.depot, method).remote(*arguments))

    return Errand(shipment, node, ask, ray.get)


def _callback(fleet: Fleet, strokes: TwoStrokes, watch: RayWatch, tell: Any) -> Any:
    """Build the Tune callback that keeps the fleet's books and ends the loop when it is time."""
    from ray import tune

    class Watch(tune.Callback):
        def __reduce__(self) -> tuple[Any, ...]:
            return tune.Callback, ()  # Tune saves its callbacks to disk; ours holds a terminal

        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            fleet.start(trial.config["trial_id"])

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            if result["stage"] != "ended":
                fleet.step(
                    trial.config["trial_id"], result["stage"], result["stage_step"], result["stage_steps"]
                )

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            fleet.end(trial.config["trial_id"], trial.last_result or {})

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            watch.look()  # if Ray is gone, the trial is not to blame
            file = getattr(trial, "error_file", None)
            fleet.lose(
                trial.config["trial_id"], Path(file).read_text() if file and Path(file).is_file() else ""
            )

        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            if fleet.should_stop(strokes.first):
                tell()
            if fleet.stopped:
                raise KeyboardInterrupt if strokes.first else _Stopped

    return Watch()


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
