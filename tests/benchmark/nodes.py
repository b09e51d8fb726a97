"""Nodes of a real Ray cluster on this machine, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import ray

TOKEN = {"RAY_AUTH_TOKEN": "0123456789abcdef" * 4}  # Ray asks for one where one exists


RAY = str(Path(sys.executable).with_name("ray"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address_here(), port), timeout=1):
        return True
    return False


def address_here() -> str:
    """Return the address by which Ray calls this machine."""
    return str(ray.util.get_node_ip_address())


def can_hide_folders() -> bool:
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return done.returncode == 0


class Node:
    """One raylet (the first with the cluster's head), in a session and with a scratch folder of its own."""

    def __init__(self, folder: Path, arguments: list[str], hidden: Path | None = None) -> None:
        folder.mkdir()
        self.scratch = Path(tempfile.mkdtemp(prefix="n"))  # short: Ray's sockets lie in there
        command = [RAY, "start", "--block", "--num-cpus=1", "--disable-usage-stats", *arguments]
        if hidden is not None:
            mount = f"mount -t tmpfs none '{hidden}' && exec \"$@\""
            command = ["unshare", "-m", "sh", "-c", mount, "sh", *command]
        environment = os.environ | TOKEN | {"TMPDIR": str(self.scratch), "RAY_AUTH_MODE": "token"}
        self.output = (folder / "output").open("w")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )

    def kill(self) -> None:
        """Kill the raylet and what watches over it; its workers find out by themselves."""
        children = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        for pid in [self.process.pid, *map(int, children.stdout.split())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(timeout=30)
        self.output.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
