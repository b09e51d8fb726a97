"""Say how each strategy's parameters were chosen, and whether all had the same chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.report.reading.loading import in_one_line
from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.words.formatting import listed


def tuning_of(suite: SuiteRecords, strategy: str) -> str:
    """Return how a strategy's parameters came about, e.g. "tuned: 10 trials on validation images of ..."."""
    choice = suite.choices.get(strategy)
    if not isinstance(choice, Mapping):
        return "not recorded"
    note = choice.get("tuning")
    if note:
        where = f"validation images of {in_one_line(note['dataset'])}, {note['budget']} images"
        return f"tuned: {_trials(note)} on {where}, {_seeds(note)}"
    own = choice.get("set") or []
    return (
        f"set in the suite, not tuned: {listed([f'`{name}`' for name in own])}"
        if own
        else "defaults, not tuned"
    )


def tuning_lines(suite: SuiteRecords) -> list[str]:
    """Return a sentence on whether strategies were tuned, and alike; nothing where the manifest is older."""
    if not suite.choices:
        return []
    notes = {name: _note(suite, name) for name in suite.strategies}
    tuned = {name: note for name, note in notes.items() if note}
    if not tuned:
        return ["", "No strategy was tuned."]
    efforts = {(note["trials"], len(note["seeds"])) for note in tuned.values()}
    if len(efforts) == 1:
        (note, *_) = tuned.values()
        effort = f"{_trials(note)}{' each' * (len(tuned) > 1)}"
        seeds = len(note["seeds"])
        effort += f", {seeds} tuning seeds per trial" if seeds > 1 else ""
        line = f"Tuned on validation images only, never on held-out ones, with {effort}: {_names(tuned)}."
    else:
        each = listed([f"`{name}` {_trials(n)}, {_seeds(n)}" for name, n in tuned.items()])
        line = f"Tuned on validation images only, but not with the same effort: {each}."
    rest = [name for name in notes if name not in tuned]
    return ["", line + (f" Not tuned: {_names(rest)}." if rest else "")]


def _note(suite: SuiteRecords, strategy: str) -> Mapping[str, Any] | None:
    choice = suite.choices.get(strategy)
    return choice.get("tuning") if isinstance(choice, Mapping) else None


def _names(names: Mapping[str, object] | list[str]) -> str:
    return listed([f"`{name}`" for name in names])


def _trials(note: Mapping[str, Any]) -> str:
    return f"{note['trials']} trial{'s' * (note['trials'] != 1)}"


def _seeds(note: Mapping[str, Any]) -> str:
    return f"seed{'s' * (len(note['seeds']) != 1)} {', '.join(map(str, note['seeds']))}"
