"""Run trials, fanned out by Ray Tune over a machine or a cluster.

This and benchmark/search.py beside it are the only files that import Ray.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from benchmark.chatter import keep_chatter, ray_folder, to_file
from benchmark.data import load_dataset
from benchmark.depot import Depot
from benchmark.errand import Errand, Shipment
from benchmark.errors import UserError
from benchmark.fleet import Fleet
from benchmark.interrupt import TwoStrokes
from benchmark.plan import Trial
from benchmark.progress import Watcher
from benchmark.records import Store
from benchmark.terms import Terms

_LIVES = 4  # how often a worker may die under a trial before the trial counts as failed

# set before Ray is imported: no telemetry, the user's working directory, no chatter
_RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "0",
    "GLOG_minloglevel": "3",
    "RAY_BACKEND_LOG_LEVEL": "warning",
}
# Ray's own switch for machines without a cluster: all its servers then listen on the loopback only
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def _token_mode() -> dict[str, str]:
    """Have Ray show its token where there is one: a head asks for it by itself, a driver must be told."""
    names = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    known = any(name in os.environ for name in names) or (Path.home() / ".ray" / "auth_token").is_file()
    return {"RAY_AUTH_MODE": "token"} if known and "RAY_AUTH_MODE" not in os.environ else {}


class Fanout(contextlib.AbstractContextManager["Fanout"]):
    """The engine on Ray: start it here, loopback only, or join a cluster; stop it whatever happens."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self.store, self.terms = store, terms
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        os.environ.update(_RAY_ENVIRONMENT | (_token_mode() if self.terms.address else _LOOPBACK))
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        with contextlib.ExitStack() as stack:
            stack.enter_context(to_file(self.store.log_path("ray"), ("ray", "ray.tune", "ray.train")))
            stack.enter_context(_ray_session(ray, self.store, self.terms.address))
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

        ray.get(self._depot.__ray_ready__.remote())
        with tempfile.TemporaryDirectory(prefix="bench-tune-") as scratch, TwoStrokes() as strokes:
            tuner = tune.Tuner(
                tune.with_resources(trainable, {"cpu": self.terms.cpus, "gpu": self.terms.gpus}),
                param_space=space,
                tune_config=settings,
                run_config=tune.RunConfig(
                    name="bench",
                    storage_path=scratch,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=_LIVES - 1),
                    callbacks=[_callback(fleet, strokes, lambda: self._depot.stop.remote())],
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

        sources = {}
        for strategy in (trial.strategy for trial in trials):
            if strategy.source_hash is not None and strategy.source_hash not in sources:
                sources[strategy.source_hash] = Path(strategy.name.rpartition(":")[0]).read_bytes()
        specs = {trial.fingerprint: trial.dataset for trial in trials}
        return Shipment(
            run=self.store.root.name + "-" + self._node[:8],
            root=self.store.root,
            driver_node=self._node,
            terms=self.terms,
            depot=self._depot,
            trials={trial.id: trial for trial in trials},
            sources=sources,
            datasets={mark: ray.put(load_dataset(spec)) for mark, spec in specs.items()},
        )


class _Stopped(BaseException):
    """Leave Tune's loop: a trial failed and the rest shall not be run."""


@contextlib.contextmanager
def _ray_session(ray: Any, store: Store, address: str | None) -> Iterator[None]:
    """Start Ray, or join a cluster; leave nothing of it but a log."""
    previous = signal.getsignal(signal.SIGTERM)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    folder = None if address else ray_folder()
    try:
        if address:
            _join(ray, address, quiet)
        else:
            ray.init(include_dashboard=False, _temp_dir=str(folder), **quiet)
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
        ray.shutdown()
        if folder is not None:
            keep_chatter(folder, store.log_path("ray"))
            shutil.rmtree(folder, ignore_errors=True)


def _join(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(
            f"--address {address}: no Ray cluster answers there ({str(error).splitlines()[0]})",
            "run bench on a node of the cluster; `ray start --head` starts one",
        ) from error


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


def _callback(fleet: Fleet, strokes: TwoStrokes, tell: Any) -> Any:
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
