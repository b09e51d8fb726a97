"""What Tune's loop tells of its trials, passed on to the books; and the way out of that loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.running.cluster.bookkeeping import TrialBooks
    from benchmark.running.cluster.ray_watch import RayWatch
    from benchmark.running.interrupts import TwoStrokes


class Stopped(BaseException):
    """Leave Tune's loop: a trial failed and the rest shall not be run."""


def tune_callback(
    books: TrialBooks, strokes: TwoStrokes, watch: RayWatch, tell_to_stop: Callable[[], Any]
) -> Any:
    """Build the Tune callback that keeps the books of the trials and ends the loop when it is time."""
    from ray import tune

    class BookKeeper(tune.Callback):
        def __reduce__(self) -> tuple[Any, ...]:
            return tune.Callback, ()  # Tune saves its callbacks to disk; ours holds a terminal

        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            books.start(_id(trial))

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            if result["stage"] != "ended":
                books.step(_id(trial), result["stage"], result["stage_step"], result["stage_steps"])

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            books.end(_id(trial), trial.last_result or {})

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            watch.look()  # if Ray is gone, the trial is not to blame
            books.lose(_id(trial), _error_of(trial))

        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            if books.should_stop(strokes.first):
                tell_to_stop()
            if books.stopped:
                raise KeyboardInterrupt if strokes.first else Stopped

    return BookKeeper()


def _id(trial: Any) -> str:
    """Return our id of what Tune calls a trial."""
    found: str = trial.config["trial_id"]
    return found


def _error_of(trial: Any) -> str:
    """Return what Tune wrote of a trial's end, "" where it wrote nothing."""
    file = getattr(trial, "error_file", None)
    return Path(file).read_text() if file and Path(file).is_file() else ""
