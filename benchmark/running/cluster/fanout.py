"""Run trials, or a search, by Ray Tune on a machine or a cluster: the engine on Ray."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from typing import Any, Self

from benchmark.data import load_dataset
from benchmark.planning.trial import Trial
from benchmark.running.cluster.bookkeeping import TrialBooks
from benchmark.running.cluster.ray_folder import place_for_ray
from benchmark.running.cluster.ray_output import to_file
from benchmark.running.cluster.ray_session import ray_session
from benchmark.running.cluster.ray_settings import LOOPBACK, RAY_ENVIRONMENT, ignore_clusters, token_mode
from benchmark.running.cluster.served_store import ServedStore
from benchmark.running.cluster.shared_run import SharedRun
from benchmark.running.cluster.tune_callback import Stopped, tune_callback
from benchmark.running.cluster.tune_search import tune_search
from benchmark.running.cluster.worker_process import run_planned, run_suggested
from benchmark.running.engine import WorkOn
from benchmark.running.interrupts import TwoStrokes
from benchmark.running.progress import Watcher
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from benchmark.tuning.rounds import Rounds
from benchmark.tuning.search import Tuning

_LIVES = 4  # how often a worker may die under a trial before the trial counts as failed


class Fanout(contextlib.AbstractContextManager["Fanout"]):
    """The engine on Ray: start it here, loopback only, or join a cluster; stop it whatever happens."""

    def __init__(self, store: Store, settings: RunSettings, work_on: WorkOn) -> None:
        """Take it down. Raises UserError where Ray has no place for its files."""
        place_for_ray()
        self.store, self.settings, self.work_on = store, settings, work_on
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        address = self.settings.address
        if not address:
            ignore_clusters()
        os.environ.update(RAY_ENVIRONMENT | (token_mode() if address else LOOPBACK))
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        log = self.store.log_path("ray")
        with contextlib.ExitStack() as stack:
            stack.enter_context(to_file(log, ("ray", "ray.tune", "ray.train")))
            self._folder, self._watch = stack.enter_context(ray_session(log, address))
            self._node = ray.get_runtime_context().get_node_id()
            here = NodeAffinitySchedulingStrategy(self._node, soft=False)
            kept = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
            self._served: Any = ray.remote(ServedStore).options(**kept).remote(self.store.root)
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

        books = TrialBooks(trials, self.store, watcher, fail_fast=self.settings.fail_fast)
        at_once = at_once or self.settings.max_concurrent
        config = tune.TuneConfig(reuse_actors=True, max_concurrent_trials=at_once)
        named = {"trial_id": tune.grid_search([trial.id for trial in trials])}
        self._fit(books, tune.with_parameters(run_planned, **self._shared(trials)), config, named)
        return books.taken

    def search(self, tuning: Tuning, watcher: Watcher) -> Rounds:
        """Run a search to its end; Ctrl-C is as in Fanout.run."""
        from ray import tune

        books = TrialBooks([], self.store, watcher)
        rounds, searcher = tune_search(tuning, books)
        count = tuning.trials * len(tuning.seeds)
        config = tune.TuneConfig(search_alg=searcher, num_samples=count, reuse_actors=True)
        self._fit(books, tune.with_parameters(run_suggested, **self._shared([tuning.template])), config)
        return rounds

    def _fit(
        self, books: TrialBooks, trainable: Any, config: Any, space: dict[str, Any] | None = None
    ) -> None:
        """Have Tune run a trainable whose configurations name trials that the books know."""
        import ray
        from ray import tune

        with (
            TwoStrokes() as strokes,
            self._watch.telling(books.watcher.note, lambda: strokes.first),
            tempfile.TemporaryDirectory(dir=self._folder) as scratch,
        ):
            ray.get(self._served.__ray_ready__.remote())
            callback = tune_callback(books, strokes, self._watch, lambda: self._served.stop.remote())
            tuner = tune.Tuner(
                tune.with_resources(trainable, {"cpu": self.settings.cpus, "gpu": self.settings.gpus}),
                param_space=space,
                tune_config=config,
                run_config=tune.RunConfig(
                    name="bench",
                    storage_path=scratch,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=_LIVES - 1),
                    callbacks=[callback],
                ),
            )
            with contextlib.suppress(Stopped):
                tuner.fit()

    def _shared(self, trials: Sequence[Trial]) -> dict[str, Any]:
        """Return the argument by which workers get at what they share."""
        import ray

        specs = {trial.fingerprint: trial.dataset for trial in trials}
        shared = SharedRun(
            run=self.store.root.name + "-" + self._node[:8],
            root=self.store.root,
            driver_node=self._node,
            settings=self.settings,
            work_on=self.work_on,
            served=self._served,
            trials={trial.id: trial for trial in trials},
            datasets={mark: ray.put(load_dataset(spec)) for mark, spec in specs.items()},
        )
        return {"shared": [ray.put(shared)]}
