"""Run trials: fanned out by Ray Tune, or one after the other. The one file that imports Ray."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmark.plan import Trial
from benchmark.records import Record, Store, failure

_REPORT_SECONDS = 1.0

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
}


class Watcher(Protocol):
    """Receive what happens to trials (benchmark.progress.Display)."""

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None: ...

    def end(self, record: Record) -> None: ...


@dataclass(frozen=True)
class Share:
    """What one trial takes of a machine, and how often it saves what it has done."""

    cpus: int = 1
    gpus: float = 0.0
    checkpoint_seconds: float = 60.0

    @property
    def device(self) -> str:
        """Return where a trial trains."""
        return "cuda" if self.gpus else "cpu"

    @property
    def settings(self) -> dict[str, Any]:
        """Return the arguments of `attempt_trial` that this decides."""
        return {
            "device": self.device,
            "threads": self.cpus,
            "checkpoint_seconds": self.checkpoint_seconds,
        }


def run_serial(trials: Sequence[Trial], store: Store, share: Share, watcher: Watcher) -> None:
    """Run trials one after the other in this process."""
    from benchmark.trial import attempt_trial

    for trial in trials:

        def progress(stage: str, step: int, steps: int, trial_id: str = trial.id) -> None:
            watcher.step(trial_id, stage, step, steps)

        record = attempt_trial(trial, store, **share.settings, progress=progress)
        watcher.end(record)


def run_ray(trials: Sequence[Trial], store: Store, share: Share, watcher: Watcher) -> None:
    """Run trials with Ray Tune, as many at once as the shares allow; same records as `run_serial`."""
    os.environ.update(_RAY_ENVIRONMENT)
    import ray
    from ray import tune

    with _quiet_ray(ray), tempfile.TemporaryDirectory(prefix="bench-ray-") as scratch:
        trainable = tune.with_resources(
            tune.with_parameters(_train, trials={t.id: t for t in trials}, root=str(store.root), share=share),
            {"cpu": share.cpus, "gpu": share.gpus},
        )
        tuner = tune.Tuner(
            trainable,
            param_space={"trial_id": tune.grid_search([trial.id for trial in trials])},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                name="bench",
                storage_path=scratch,
                verbose=0,
                callbacks=[_callback(trials, store, watcher)],
            ),
        )
        tuner.fit()


@contextlib.contextmanager
def _quiet_ray(ray: Any) -> Iterator[None]:
    """Start Ray on this machine, loopback only, and stop it whatever happens."""
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    previous = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
        ray.shutdown()


def _train(config: dict[str, Any], *, trials: dict[str, Trial], root: str, share: Share) -> None:
    """Run one trial in a worker; the record is written here, the driver hears how far it is."""
    from ray import tune

    from benchmark.trial import attempt_trial

    last = 0.0

    def progress(stage: str, step: int, steps: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _REPORT_SECONDS:
            last = time.monotonic()
            tune.report({"stage": stage, "stage_step": step, "stage_steps": steps})

    trial = trials[config["trial_id"]]
    attempt_trial(trial, Store(Path(root)), **share.settings, progress=progress)
    tune.report({"stage": "ended", "stage_step": 1, "stage_steps": 1})


def _callback(trials: Sequence[Trial], store: Store, watcher: Watcher) -> Any:
    """Build the Tune callback that passes events on to the watcher."""
    from ray import tune

    by_id = {trial.id: trial for trial in trials}

    class Watch(tune.Callback):
        def __reduce__(self) -> tuple[Any, ...]:
            return tune.Callback, ()  # Tune saves its callbacks to disk; ours holds a terminal

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            if result["stage"] != "ended":
                watcher.step(
                    trial.config["trial_id"], result["stage"], result["stage_step"], result["stage_steps"]
                )

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            record = store.load(trial.config["trial_id"])
            watcher.end(record or self._lost(trial, "its worker ended without leaving a record"))

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            watcher.end(self._lost(trial, "its worker died (killed, out of memory, or the disk is full)"))

        def _lost(self, trial: Any, reason: str) -> Record:
            file = getattr(trial, "error_file", None)
            trace = Path(file).read_text() if file and Path(file).is_file() else ""
            record = failure(by_id[trial.config["trial_id"]], reason, trace)
            with contextlib.suppress(OSError):  # a full disk: the summary still says so
                store.write(record, {})
            return record

    return Watch()
