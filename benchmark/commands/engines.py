"""Which engine runs trials: this process, or Ray."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.running.engine import Engine, EngineOf
    from benchmark.running.run_settings import RunSettings
    from benchmark.store.store import Store


def engine_of(*, local: bool) -> EngineOf:
    """Return what builds the engine: one trial after the other in this process, or all of them by Ray.

    Both, and what they do with a trial, are imported when one is built: a suite with a mistake in it is
    refused in a blink.
    """

    def in_this_process(store: Store, settings: RunSettings) -> AbstractContextManager[Engine]:
        from benchmark.running.one_trial import work_on
        from benchmark.running.serial import Serial

        return Serial(store, settings, work_on)

    def by_ray(store: Store, settings: RunSettings) -> AbstractContextManager[Engine]:
        from benchmark.running.cluster.fanout import Fanout
        from benchmark.running.one_trial import work_on

        return Fanout(store, settings, work_on)

    return in_this_process if local else by_ray
