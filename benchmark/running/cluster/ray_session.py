"""Start Ray on this machine, loopback only, or join a cluster; put all of it away again."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark.cores import usable_cores
from benchmark.errors import UserError
from benchmark.running.cluster.ray_folder import ray_folder
from benchmark.running.cluster.ray_guard import guarded
from benchmark.running.cluster.ray_output import keep_output
from benchmark.running.cluster.ray_watch import Pulse, RayWatch, refuse_silence

_VITAL = {"raylet", "gcs_server"}  # without its other processes Ray goes on


@contextlib.contextmanager
def ray_session(log: Path, address: str | None) -> Iterator[tuple[Path, RayWatch]]:
    """Start Ray, or join a cluster; yield a folder for its files, and its watch. Leave nothing but a log."""
    import ray

    if ray.is_initialized():  # in a notebook: its tasks would be lost with ours
        hint = "ray.shutdown() first, or run without Ray: local=True"
        raise UserError("Ray runs in this process already", hint)
    may_handle = threading.current_thread() is threading.main_thread()  # no other thread may set handlers
    previous = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": False,
    }
    with ray_folder() as folder:
        try:
            if address:
                _join(address, quiet)
            else:
                quiet |= {"num_cpus": usable_cores(), "include_dashboard": False, "_temp_dir": str(folder)}
                ray.init("local", **quiet)
            if may_handle:
                signal.signal(signal.SIGTERM, previous)  # Ray's own ends the process without a checkpoint
            with _guard(address), RayWatch(*_pulse(address, folder, log)) as watch:
                yield folder, watch
        finally:
            if may_handle:
                signal.signal(signal.SIGTERM, previous)
            ray.shutdown()
            keep_output(folder, log)


def _guard(address: str | None) -> contextlib.AbstractContextManager[None]:
    """Return what watches over this process from beside it; nothing where Ray is not this process's own."""
    from ray._private import worker

    if address:
        return contextlib.nullcontext()
    node: Any = worker._global_node
    started = node.all_processes
    return guarded([entry.process.pid for kind in sorted(_VITAL) for entry in started[kind]])


def _join(address: str, quiet: dict[str, Any]) -> None:
    import ray

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
        keep_output(folder, log)
        shutil.rmtree(folder, ignore_errors=True)

    return Pulse(node.raylet_socket_name, node.gcs_address).missing if address else missing, put_away
