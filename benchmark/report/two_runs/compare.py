"""Compare two runs of the same suite, seed by seed: another version, another machine, another day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UserError
from benchmark.naming import suite_name
from benchmark.report.comparing.means import MeanOverSeeds, by_seed, estimate, paired_difference
from benchmark.report.comparing.significance import holm, sign_flip_p
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.protocol import PROTOCOL, refuse_mixed_protocols
from benchmark.report.reading.scores import TrialRecord, judged_keys, numeric_keys
from benchmark.report.reading.suite_records import SuiteRecords
from benchmark.report.two_runs.circumstances import circumstances
from benchmark.report.two_runs.renaming import under_the_names_of


@dataclass(frozen=True)
class Pairing:
    """Hold one cell's score in both runs; the difference is second - first over the seeds both have."""

    dataset: str
    budget: int
    strategy: str
    key: str
    first: MeanOverSeeds
    second: MeanOverSeeds
    difference: MeanOverSeeds
    identical: int  # pairs whose numbers agree to the last bit
    p: float
    p_holm: float  # over this score's cells


@dataclass(frozen=True)
class TwoRuns:
    """Hold what two runs have in common and where they differ."""

    first: SuiteRecords
    second: SuiteRecords
    names: tuple[str, str]
    pairings: tuple[Pairing, ...]
    circumstances: tuple[tuple[str, str, str], ...]  # what, in the first, in the second
    only_in_one: tuple[str, ...]

    def of(self, key: str) -> list[Pairing]:
        """Return one score's pairings."""
        return [pairing for pairing in self.pairings if pairing.key == key]


def compare_runs(first: str, second: str) -> TwoRuns:
    """Compare two runs folders or manifests. Raises UserError where they cannot be compared.

    Records must follow one protocol: the same images, extractor and numbers of samples. Versions, hardware,
    code and settings may differ, which is what the comparison is for; they are listed.
    """
    manifests = _manifests(first, second)
    runs = [load_records(path, path.parent.parent) for path in manifests]
    runs[1] = under_the_names_of(runs[0], runs[1])
    for suite in runs:
        refuse_mixed_protocols(suite)
    _refuse_unlike(runs[0], runs[1], manifests)
    shared = [trial for trial in _cells(runs[0]) if trial in _cells(runs[1])]
    if not shared:
        raise UserError(
            f"{manifests[0]} and {manifests[1]}: no dataset, budget and strategy is done in both",
            "two runs of the same suite share them; compare suites in one suite of their own",
        )
    metrics = numeric_keys([*runs[0].records.values(), *runs[1].records.values()])
    headline = runs[0].headline.key
    keys = [headline, *(key for key in judged_keys(metrics) if key != headline)]
    return TwoRuns(
        runs[0],
        runs[1],
        (str(first), str(second)),
        tuple(pairing for key in keys for pairing in _pairings(runs[0], runs[1], shared, key)),
        tuple(circumstances(runs[0], runs[1])),
        tuple(_only_in_one(runs[0], runs[1])),
    )


def _manifests(first: str, second: str) -> tuple[Path, Path]:
    """Find both manifests; of two folders, that of the one suite both have run."""
    found = [_known_manifests(Path(place)) for place in (first, second)]
    names = [name for name in found[0] if name in found[1]]
    if all(Path(place).is_file() for place in (first, second)):
        return next(iter(found[0].values())), next(iter(found[1].values()))
    if len(names) == 1:
        return found[0][names[0]], found[1][names[0]]
    listed = f"both have run {', '.join(names)}" if names else "they have run no suite of the same name"
    raise UserError(
        f"'{first}' and '{second}' do not name one suite: {listed}",
        "name manifests instead, e.g. runs/suites/limited_data.json other/suites/limited_data.json",
    )


def _known_manifests(place: Path) -> dict[str, Path]:
    if place.is_file():
        return {suite_name(place): place}
    found = {suite_name(path): path for path in sorted((place / "suites").glob("*.json"))}
    if not found:
        raise UserError(
            f"'{place}' is neither a manifest nor a runs folder with one",
            "`bench report A B` compares two runs folders or two manifests (RUNS/suites/SUITE.json)",
        )
    return found


def _refuse_unlike(first: SuiteRecords, second: SuiteRecords, manifests: tuple[Path, Path]) -> None:
    for what in ("family", "task", "headline"):
        ours, theirs = getattr(first, what), getattr(second, what)
        if ours != theirs:
            one, other = (found if isinstance(found, str) else found.title for found in (ours, theirs))
            raise UserError(
                f"{manifests[0]} and {manifests[1]}: the {what} is {one} in one, {other} in the other",
                "each can still be reported alone: bench report SUITE --runs RUNS",
            )
    for dataset in set(first.datasets) & set(second.datasets):
        records = [_first_of(suite, dataset) for suite in (first, second)]
        for field in PROTOCOL:
            values = [json.dumps(record.get(field)) for record in records]
            if all(records) and values[0] != values[1]:
                raise UserError(
                    f"{manifests[0]} and {manifests[1]}: {field} of '{dataset}' is {values[0]} in one, "
                    f"{values[1]} in the other: scores of two protocols cannot be compared",
                    "each can still be reported alone: bench report SUITE --runs RUNS",
                )


def _pairings(
    first: SuiteRecords, second: SuiteRecords, cells: list[tuple[str, int, str]], key: str
) -> list[Pairing]:
    found = []
    for cell in cells:
        ours, theirs = (by_seed(suite.done(*cell), key) for suite in (second, first))
        shared = sorted(ours.keys() & theirs.keys())
        if shared:
            found.append((cell, ours, theirs, shared))
    p_values = [sign_flip_p([ours[s] - theirs[s] for s in shared]) for _, ours, theirs, shared in found]
    return [
        Pairing(
            *cell,
            key=key,
            first=estimate(theirs.values()),
            second=estimate(ours.values()),
            difference=paired_difference(ours, theirs),
            identical=sum(ours[seed] == theirs[seed] for seed in shared),
            p=p,
            p_holm=corrected,
        )
        for (cell, ours, theirs, shared), p, corrected in zip(found, p_values, holm(p_values), strict=True)
    ]


def _only_in_one(first: SuiteRecords, second: SuiteRecords) -> list[str]:
    names = [{str(trial).rpartition(" (")[0] for trial in suite.records} for suite in (first, second)]
    return sorted(f"{name}: first run only" for name in names[0] - names[1]) + sorted(
        f"{name}: second run only" for name in names[1] - names[0]
    )


def _cells(suite: SuiteRecords) -> list[tuple[str, int, str]]:
    return list(dict.fromkeys((t.dataset, t.budget, t.strategy) for t in suite.records))


def _first_of(suite: SuiteRecords, dataset: str) -> TrialRecord:
    done = sorted(trial for trial in suite.records if trial.dataset == dataset)
    return suite.records[done[0]] if done else {}
