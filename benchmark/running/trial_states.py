"""Where the trials of a suite stand, and why those that are not done are not (no torch, no Ray)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.planning.trial import Trial
from benchmark.store.store import Record, Store
from pcvq2.trainer.differences import differences

State = Literal["done", "running", "failed", "interrupted", "changed", "never run"]
_SHOWN = 3  # changed fields that are named
TrialName = tuple[object, ...]  # dataset, budget, strategy, seed, initialisation


@dataclass(frozen=True)
class TrialState:
    """Say where one trial stands; `why` is empty for one that is done."""

    trial: Trial
    state: State
    why: str = ""


def states_of(trials: Sequence[Trial], store: Store) -> list[TrialState]:
    """Say of each trial where it stands."""
    planned = {trial.id for trial in trials}
    known = {trial.id: store.load(trial.id) for trial in trials}
    missing = [trial for trial in trials if not _is_done(known[trial.id])]
    older = _older(store, {_name_of(trial) for trial in missing}, planned)
    return [
        TrialState(trial, "done")
        if _is_done(known[trial.id])
        else _unfinished(trial, known[trial.id], store, older.get(_name_of(trial), []))
        for trial in trials
    ]


def counts(found: Sequence[TrialState]) -> str:
    """Write how many trials stand where, e.g. "2 done, 1 failed"."""
    tally = Counter(one.state for one in found)
    order: tuple[State, ...] = ("done", "running", "failed", "interrupted", "changed", "never run")
    return ", ".join(f"{tally[state]} {state}" for state in order if tally[state] or state == "done")


def _unfinished(trial: Trial, record: Record | None, store: Store, older: list[Record]) -> TrialState:
    checkpoint = _checkpoint(store, trial)
    if store.is_claimed(trial.id):
        return TrialState(trial, "running", "another `bench run` is at it")
    if record is not None:
        goes_on = f"; goes on from {checkpoint}" if checkpoint else ""
        return TrialState(trial, "failed", f"{_first_line(record.get('reason', ''))}{goes_on}")
    if checkpoint:
        return TrialState(trial, "interrupted", f"goes on from {checkpoint}")
    if store.record_path(trial.id).exists():
        return TrialState(trial, "failed", "its record is damaged: it will be made again")
    if older:
        return TrialState(trial, "changed", _change(trial, older))
    return TrialState(trial, "never run")


def _older(store: Store, names: set[TrialName], planned: set[str]) -> dict[TrialName, list[Record]]:
    """Return records of trials that had these names before something about them was changed."""
    found: dict[TrialName, list[Record]] = {}
    if names and any(store.record_path("").parent.glob("*.json")):
        for record in store.records():
            named = (record.get(key) for key in ("dataset", "budget", "strategy", "seed"))
            name = (*named, record.get("initialisation", 0))
            if name in names and record["id"] not in planned and isinstance(record.get("trial"), dict):
                found.setdefault(name, []).append(record)
    return found


def _change(trial: Trial, older: list[Record]) -> str:
    """Name the fields in which a trial differs from the nearest old record."""
    here = trial.resolved()
    changes, record = min(
        ((differing_fields(record["trial"], here), record) for record in older), key=lambda pair: len(pair[0])
    )
    more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return f"{'; '.join(changes[:_SHOWN])}{more} (since record {record['id']}, which stays)"


def differing_fields(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name the fields that differ, with both values: "model.prior_stage.steps 6 -> 8"."""
    return [f"{key} {json.dumps(one)} -> {json.dumps(other)}" for key, one, other in differences(before, now)]


def _checkpoint(store: Store, trial: Trial) -> str:
    """Say where the newest readable checkpoint of a trial stands, e.g. "stage prior, step 40"."""
    for stage in reversed(trial.stages):
        for name in (f"{stage}.checkpoint", f"{stage}.checkpoint.previous"):
            path = store.checkpoint_path(trial.id) / name
            if path.is_file():
                step = _step_of(path.read_bytes()[:_HEADER_BYTES])
                return f"stage {stage}" + (f", step {step}" if step is not None else "")
    return ""


_HEADER_BYTES = 2**20


def _step_of(head: bytes) -> int | None:
    """Read the step from the head of a safetensors file: its length in 8 bytes, then JSON."""
    try:
        header = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])
        return int(json.loads(header["__metadata__"]["about"])["step"])
    except (ValueError, KeyError, TypeError):  # damaged: the run will refuse it too, and say why
        return None


def _name_of(trial: Trial) -> TrialName:
    return (trial.dataset.name, trial.budget, trial.strategy.label, trial.seed, trial.initialisation)


def _is_done(record: Record | None) -> bool:
    return record is not None and record["status"] == "done"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
