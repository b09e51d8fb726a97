"""What a run is about to do, printed: which trials, why those, at what cost, with what images."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from benchmark.cost.known_cost import known_cost
from benchmark.cost.stand_ins import plan_for_cost
from benchmark.data import load_dataset
from benchmark.planning.only import only
from benchmark.planning.suite import Suite
from benchmark.planning.trial import Trial
from benchmark.running.manifest import manifest_of
from benchmark.running.trial_states import counts, states_of
from benchmark.store.store import Store


def chosen_trials(planned: Sequence[Trial], wanted: Sequence[str]) -> list[Trial]:
    """Return the trials of --only, each once."""
    chosen = {trial.id for trial in only(planned, wanted)}
    return [t for t in {trial.id: trial for trial in planned}.values() if t.id in chosen]


def print_plan(suite: Suite, store: Store, console: Console, wanted: Sequence[str]) -> None:
    """Print what is done, why the rest is not, and what the rest costs; images that are not here may lack."""
    planned, absent = plan_for_cost(suite)
    store.refuse_namesake(manifest_of(suite, suite.file.path, planned))
    trials = chosen_trials(planned, wanted)
    found = states_of(trials, store)
    console.print(f"{suite.name}: {len(trials)} trials: {counts(found)}")
    print_notes(planned, console, absent)
    width = max((len(one.trial.title) for one in found), default=0)
    missing = [one for one in found if one.state != "done"]
    for one in missing:
        line = f"{one.state:<12}{one.trial.title:<{width}}  {one.why}".rstrip()
        console.print(line, soft_wrap=True)
    left = [one.trial for one in missing]
    for line in known_cost(suite, store.root, left, absent):
        console.print(line, soft_wrap=True)


def _skipped(planned: Sequence[Trial]) -> list[str]:
    """Say which operations the images of a dataset cannot have."""
    skipped = {t.dataset.name: t.space.skipped(t.model.channels) for t in planned}
    return [f"{name}: grey images, so {', '.join(s)} skipped" for name, s in skipped.items() if s]


def print_notes(planned: Sequence[Trial], console: Console, absent: Sequence[str] | None = None) -> None:
    """Say what was changed or passed over in reading the images; `absent` for a plan that downloads none."""
    for note in _skipped(planned):
        console.print(note, soft_wrap=True)
    for spec in dict.fromkeys(trial.dataset for trial in planned):
        if absent is None or spec.name not in absent:
            dataset = load_dataset(spec) if absent is None else load_dataset(spec, download=False)
            for note in dataset.notes:
                console.print(f"{spec.name}: {note}", soft_wrap=True)
