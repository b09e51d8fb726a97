"""Checkpoints: a run that was killed ends in the same weights, bit for bit, as one never interrupted.

Every draw of step k depends on (seed, stage, k) only, so no generator's state is kept: what is kept are the
parts that training changes, as they stand between two steps.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from safetensors import SafetensorError
from torch import Tensor

from pcvq2.trainer.differences import differences
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors

_FORMAT = 1
_SHOWN = 4  # differences named when a checkpoint is refused
_log = logging.getLogger("pcvq2")


class Stateful(Protocol):
    """Something that training changes; the values of its state are tensors or plain JSON."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


class Checkpoint:
    """The last two checkpoints of one stage: `path`, and beside it the one before.

    `belongs` (plain JSON) says what a checkpoint belongs to; one that says anything else is refused.
    """

    def __init__(
        self,
        path: Path,
        belongs: Mapping[str, Any],
        every_seconds: float,
        state: Stateful | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        self.path, self.previous = path, path.with_name(f"{path.name}.previous")
        self.belongs = json.loads(json.dumps({"format": _FORMAT, **belongs}))
        self.every_seconds, self.state, self._stop = every_seconds, state, stop
        self.earlier_seconds = 0.0  # spent on the stage by the processes this one goes on from
        self._current = False  # `path` holds a good checkpoint of ours
        self._interrupted = False

    def steps(self, steps: int, parts: Mapping[str, Stateful]) -> Iterator[int]:
        """Restore the parts from the last good checkpoint and yield the steps that are left.

        A checkpoint is written when it is time, at the end, and before a Ctrl-C that was held back is raised.
        """
        if self.state is not None:
            parts = {**parts, "caller": self.state}
        first = self._restore(parts)
        began = last = time.monotonic()
        for step in range(first, steps):
            yield step
            now = time.monotonic()
            if self._stop is not None and self._stop():
                self._interrupted = True
            if self._interrupted or now - last >= self.every_seconds or step + 1 == steps:
                self._save(parts, step + 1, self.earlier_seconds + now - began)
                last = time.monotonic()
            if self._interrupted:
                raise KeyboardInterrupt

    @contextlib.contextmanager
    def holding_interrupts(self) -> Iterator[None]:
        """Let Ctrl-C wait for the end of the step, where all parts fit together; a second does not."""
        ours = threading.current_thread() is threading.main_thread()
        if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self._interrupted:  # after the last step, or on the way out of an error
                raise KeyboardInterrupt

    def remove(self) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=True)
        self.previous.unlink(missing_ok=True)
        self._current = False

    def _restore(self, parts: Mapping[str, Stateful]) -> int:
        """Load the newest good checkpoint into the parts; return how many steps it has done, else 0."""
        untouched = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                tensors, about = self._read(path)
                for name, state in _split(parts, tensors, about["values"]).items():
                    parts[name].load_state_dict(state)
            except Exception as error:  # a part may refuse a state with any error
                _log.warning("checkpoint refused: %s", _reason(path, error))
                for name, part in parts.items():
                    part.load_state_dict(untouched[name])
                continue
            self._current = path == self.path
            self.earlier_seconds = about["seconds"]
            return int(about["step"])
        return 0

    def _read(self, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, about = read_tensors(path)
        found = _differences(about.get("belongs", {}), self.belongs)
        if found:
            more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
            raise RefusedFile(f"{path} belongs to another run: {'; '.join(found[:_SHOWN] + more)}")
        return tensors, about

    def _save(self, parts: Mapping[str, Stateful], step: int, seconds: float) -> None:
        tensors, values = _join(parts)
        about = {"belongs": self.belongs, "step": step, "seconds": seconds, "values": values}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_tensors(tensors, self.path, about, previous=self.previous if self._current else None)
            self._current = True
        except (OSError, SafetensorError, TypeError) as error:  # training goes on, without this insurance
            _log.warning("no checkpoint written: %s: %s", self.path, error)


def digest(tensors: Iterable[Tensor]) -> str:
    """Name the content of tensors by a hash."""
    hashed = hashlib.sha256()
    for tensor in tensors:
        hashed.update(tensor.detach().cpu().contiguous().numpy().data)
    return hashed.hexdigest()[:16]


def _join(parts: Mapping[str, Stateful]) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Return the parts' tensors, named part/key, and their JSON values by part."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for name, part in parts.items():
        state = part.state_dict()
        tensors |= {f"{name}/{key}": value for key, value in state.items() if isinstance(value, Tensor)}
        values[name] = {key: value for key, value in state.items() if not isinstance(value, Tensor)}
    return tensors, values


def _split(
    parts: Mapping[str, Stateful], tensors: Mapping[str, Tensor], values: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return each part's state; the other way of `_join`. Raises KeyError when it is not of these parts."""
    states = {name: dict(values[name]) for name in parts}
    for full, tensor in tensors.items():
        name, _, key = full.partition("/")
        states[name][key] = tensor
    return states


def _differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    return [
        f"{key} is {json.dumps(one)}, here {json.dumps(other)}"
        for key, one, other in differences(found, expected)
    ]


def _reason(path: Path, error: Exception) -> str:
    return str(error) if isinstance(error, RefusedFile) else f"{path}: {type(error).__name__}: {error}"
