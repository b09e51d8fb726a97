"""`bench tune`: search one strategy's parameters on validation images, and say what was found."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.errors import UserError
from benchmark.planning.suite import Suite, load_suite
from benchmark.running.engine import EngineOf
from benchmark.running.preflight import preflight
from benchmark.running.run_settings import RunSettings, with_the_suites_shares
from benchmark.store.namesakes import refuse_namesake
from benchmark.store.store import Record, Store
from benchmark.tuning.result import ranked, result_path, rows, summary
from benchmark.tuning.rounds import Rounds
from benchmark.tuning.sampler import ask_and_tell
from benchmark.tuning.search import Tuning
from benchmark.tuning.search_plan import Wish, own_settings, plan_tuning
from pcvq2.trainer.whole_file import write_whole

_LINE_SECONDS = 30.0


@dataclass(frozen=True)
class TuneOptions:
    """What `bench tune` was asked for, and how it is to be run."""

    wish: Wish
    engine: EngineOf
    address: str | None = None


def tune_suite(path: Path, store: Store, console: Console, options: TuneOptions) -> bool:
    """Tune a strategy of a suite; say whether every trial ended well. Raises UserError."""
    suite = load_suite(path)
    tuning = plan_tuning(suite, options.wish)
    first = tuning.trial(tuning.starts, tuning.seeds[0]).id
    place = result_path(store, tuning)
    refuse_namesake(place, suite.name, path, lambda known: known["trials"][0]["records"][0] == first)
    settings = RunSettings(keep="records", address=options.address)  # nobody samples from these models
    settings = with_the_suites_shares(settings, suite)
    for line in _opening(suite, tuning):
        console.print(line, soft_wrap=True)
    with store.claim(f"tuning-{suite.name}-{place.stem}") as ours:
        if not ours:
            raise UserError(
                f"another `bench tune` is at '{tuning.label}' of {path}", "wait for it: it writes the same"
            )
        rounds = _replay(tuning, store)
        if rounds is None:
            preflight(suite, [tuning.template], store.root, settings)
            starting = options.engine(store, settings)
            store.sweep()
            with starting as engine, Lines(tuning, console) as lines:
                rounds = engine.search(tuning, lines)
    return _finish(tuning, rounds, store, console, path)


def _replay(tuning: Tuning, store: Store) -> Rounds | None:
    """Return the books of a search all of whose trials are done; None when there is something to run."""
    rounds = Rounds(tuning, *ask_and_tell(tuning))
    while (trial := rounds.next()) is not None:
        record = store.load(trial.id)
        if record is None or record["status"] != "done":
            return None
        rounds.report(trial.id, record[tuning.score])
    return rounds


def _opening(suite: Suite, tuning: Tuning) -> list[str]:
    """Say what is searched, and on which images."""
    template, seeds = tuning.template, ", ".join(map(str, tuning.seeds))
    lines = [
        f"{suite.name}: tuning '{tuning.label}' with {tuning.trials} trials on {template.dataset.name}: "
        f"{template.budget} images, {template.validation_images} of them validation images, drawn with "
        f"seed{'s' * (len(tuning.seeds) > 1)} {seeds}, which the suite does not use",
        *[
            f"  {name}: {domain}, starting at {tuning.starts[name]:.3g}"
            if isinstance(tuning.starts[name], float)
            else f"  {name}: {domain}, starting at {tuning.starts[name]}"
            for name, domain in tuning.tunable.items()
        ],
    ]
    passed_over = own_settings(suite, tuning)
    if passed_over:
        lines.append(
            f"  the suite's own {', '.join(passed_over)} of '{tuning.label}' are not among the trials: "
            "tuning starts at the defaults"
        )
    return lines


def _finish(tuning: Tuning, rounds: Rounds, store: Store, console: Console, file: Path) -> bool:
    """Print and write what was found; say whether every trial ended well."""
    failed = [trial_id for trial_id, score in rounds.scores.items() if score is None]
    for trial_id in failed:
        reason = (store.load(trial_id) or {}).get("reason", "another run is at it; run this command again")
        console.print(f"FAILED {trial_id}: {reason}", soft_wrap=True)
    if not ranked(rounds):
        console.print("no setting has a score: nothing was found")
        return False
    result = summary(tuning, rounds) | {"file": str(file.resolve())}
    path = result_path(store, tuning)
    write_whole(path, json.dumps(result, indent=1, allow_nan=False).encode())
    console.print(_table(result))
    console.print(result["conclusion"], soft_wrap=True)
    console.print(f"To use it, put this in {tuning.suite}'s `strategies`:\n")
    console.print(result["entry_yaml"], soft_wrap=True)
    console.print(f"all of it: {path}", soft_wrap=True)
    return not failed


def _table(result: dict[str, Any]) -> Table:
    header, *body = rows(result)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in header:
        table.add_column(heading, justify="right")
    for row in body:
        table.add_row(*row)
    return table


class Lines(AbstractContextManager["Lines"]):
    """Print a line per ended trial, with its validation score only: held-out ones are not for tuning."""

    def __init__(self, tuning: Tuning, console: Console) -> None:
        self._total, self._console = tuning.trials * len(tuning.seeds), console
        self._score, self._unit = tuning.score, tuning.unit
        self._status = console.status("starting")
        self._ended, self._last_line = 0, time.monotonic()

    def __enter__(self) -> Lines:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def step(self, trial_id: str, stage: str, step: int, steps: int) -> None:
        """Show where a trial stands."""
        line = f"trial {self._ended + 1} of {self._total}: {stage} {step}/{steps}"
        if self._console.is_terminal:
            self._status.update(Text(line))
        elif time.monotonic() - self._last_line >= _LINE_SECONDS:
            self.note(line)

    def end(self, record: Record) -> None:
        """Print how a trial ended."""
        self._ended += 1
        outcome = f"FAILED: {record.get('reason', '').partition(chr(10))[0]}"
        if record["status"] == "done":
            outcome = (
                f"{record[self._score]:.4f} {self._unit} on validation images, {record['wall_seconds']:.0f} s"
            )
        self.note(f"{self._ended} of {self._total} trials, seed {record['seed']}: {outcome}")

    def note(self, text: str) -> None:
        """Print a line."""
        self._last_line = time.monotonic()
        self._console.print(text, soft_wrap=True)
