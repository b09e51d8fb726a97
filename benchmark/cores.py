"""How many cores this process may use: what a scheduler or a container leaves it of the machine's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Return the cores of this process's affinity, or as many whole ones as its group's quota buys."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([most, *(int(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """Yield the CPU quotas, in cores, of this process's control groups and of those around them."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, own = (*line.split(":", 2), "", "")[:3]
        roots = [_GROUPS] if not controllers else [_GROUPS / controllers, _GROUPS / "cpu"]
        if controllers and "cpu" not in controllers.split(","):
            continue
        inside = PurePosixPath(own.lstrip("/"))
        for root in roots:
            # a container sees its own group as the root, whatever the path of its name
            for folder in (root / inside, *(root / parent for parent in inside.parents), root):
                yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    with contextlib.suppress(OSError, ValueError):  # version 2: "max 100000" where there is no limit
        quota, period = (folder / "cpu.max").read_text().split()
        yield int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):  # version 1: -1 where there is no limit
        quota, period = ((folder / f"cpu.cfs_{what}_us").read_text() for what in ("quota", "period"))
        if int(quota) > 0:
            yield int(quota) / int(period)
