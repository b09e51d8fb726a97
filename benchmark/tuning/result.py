"""What a search found: ranks, whether it is more than noise, the entry to paste, the file with all of it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from benchmark.store.environment import git_commit, processor, versions
from benchmark.store.store import Store
from benchmark.tuning.rounds import Candidate, Rounds
from benchmark.tuning.sampler import describe
from benchmark.tuning.search import Tuning

_LEVEL = 0.95


def ranked(rounds: Rounds) -> list[tuple[Candidate, float]]:
    """Return the settings with a score on every seed, best first; of two alike the earlier."""
    scored = [(candidate, rounds.score_of(candidate)) for candidate in rounds.candidates]
    known = [(candidate, score) for candidate, score in scored if score is not None]
    return sorted(known, key=lambda pair: (pair[1], pair[0].number))


def result_path(store: Store, tuning: Tuning) -> Path:
    """Return where the result of a tuning lies."""
    name = re.sub(r"[^\w.-]+", "_", tuning.label)[:100]
    if name != tuning.label:  # "a b" is not "a_b"
        name += f"-{hashlib.sha256(tuning.label.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return store.root / "tuning" / tuning.suite / f"{name}.json"


def entry_of(tuning: Tuning, candidate: Candidate) -> dict[str, Any]:
    """Return the suite's entry with a setting's parameters and the note of how they were chosen."""
    changes = tuning.changes(candidate.values)
    entry = {**tuning.entry, **{name: value for name, value in changes.items() if name != "model"}}
    if "model" in changes:
        model = entry.get("model", {})
        changed = {part: {**model.get(part, {}), **fields} for part, fields in changes["model"].items()}
        entry["model"] = {**model, **changed}
    note = {
        "trials": tuning.trials,
        "seeds": list(tuning.seeds),
        "budget": tuning.template.budget,
        "dataset": tuning.template.dataset.name,
    }
    return {**entry, "tuning": note}


def entry_yaml(entry: dict[str, Any]) -> str:
    """Write an entry as it stands in a suite's list of strategies."""
    yaml = YAML()
    yaml.default_flow_style = None  # only what holds nothing nested is written in one line
    yaml.width = 100
    yaml.indent(sequence=4, offset=2)
    note = CommentedMap(entry["tuning"])
    note.fa.set_flow_style()
    stream = io.StringIO()
    yaml.dump({"strategies": [{**entry, "tuning": note}]}, stream)
    return stream.getvalue().partition("\n")[2]


def difference(rounds: Rounds, best: Candidate, level: float = _LEVEL) -> dict[str, Any]:
    """Compare the best setting with the defaults, seed by seed, in bits per dimension: below 0 is better.

    The interval is Student's, widened by Bonferroni's rule for having picked the best of several.
    """
    first = rounds.candidates[0]
    pairs = [
        (rounds.scores[a.id], rounds.scores[b.id]) for a, b in zip(best.trials, first.trials, strict=True)
    ]
    differences = [one - other for one, other in pairs if one is not None and other is not None]
    count, comparisons = len(differences), max(1, len(ranked(rounds)) - 1)
    found: dict[str, Any] = {"mean": None, "low": None, "high": None, "n": count, "comparisons": comparisons}
    if not differences:
        return found | {"mean_null_reason": "the defaults have no score on every seed"}
    found["mean"] = statistics.fmean(differences)
    if count < 2:
        return found | {"low_null_reason": _ONE_SEED, "high_null_reason": _ONE_SEED}
    from scipy.stats import t

    factor = float(t.ppf(1 - (1 - level) / comparisons / 2, count - 1))
    half = factor * statistics.stdev(differences) / count**0.5
    return found | {"low": found["mean"] - half, "high": found["mean"] + half}


_ONE_SEED = "one tuning seed has no spread"


def conclusion(best: Candidate, found: dict[str, Any], unit: str) -> str:
    """Say in a sentence whether tuning found more than noise."""
    if best.number == 0:
        return "No setting did better than the defaults, which the entry below keeps."
    if found["mean"] is None:
        return "The defaults have no score, so nothing can be said about what tuning gained."
    gain = f"{-found['mean']:.4f} {unit} below the defaults on validation images"
    if found["low"] is None:
        return (
            f"The best setting is {gain} with one tuning seed: whether that is more than noise "
            "cannot be said (--seeds 3 can)."
        )
    interval = f"{-found['high']:.4f} to {-found['low']:.4f}"
    more = "more than noise" if found["high"] < 0 else "no more than noise can give"
    return (
        f"The best setting is {gain} ({interval} at 95 %, n = {found['n']} seeds, widened for having "
        f"picked among {found['comparisons']}): {more}."
    )


def summary(tuning: Tuning, rounds: Rounds) -> dict[str, Any]:
    """Return all there is to say of a search, as JSON values; needs one setting with a score."""
    order = ranked(rounds)
    best = order[0][0]
    places = {candidate.number: place for place, (candidate, _) in enumerate(order, 1)}
    found = difference(rounds, best)
    template = tuning.template
    entry = entry_of(tuning, best)
    return {
        "suite": tuning.suite,
        "strategy": tuning.label,
        "strategy_class": template.strategy.name,
        "dataset": template.dataset.name,
        "dataset_fingerprint": template.fingerprint,
        "budget": template.budget,
        "validation_images": template.validation_images,
        "seeds": list(tuning.seeds),
        "score": tuning.score,
        "unit": tuning.unit,
        "space": {
            name: {"kind": type(domain).__name__, **dataclasses.asdict(domain), "start": tuning.starts[name]}
            for name, domain in tuning.tunable.items()
        },
        "sampler": describe(tuning),
        "trials": [_told(tuning, rounds, c, places.get(c.number)) for c in rounds.candidates],
        "best": best.number,
        "difference_from_defaults": found,
        "conclusion": conclusion(best, found, tuning.unit),
        "entry": entry,
        "entry_yaml": entry_yaml(entry),
        "versions": versions() | {"optuna": describe(tuning)["optuna"]},
        "hardware": processor(),
        "git_commit": git_commit(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _told(tuning: Tuning, rounds: Rounds, candidate: Candidate, rank: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "number": candidate.number,
        "defaults": candidate.number == 0,
        "values": dict(candidate.values),
        "changes": tuning.changes(candidate.values),
        "records": [trial.id for trial in candidate.trials],
        "scores": [rounds.scores.get(trial.id) for trial in candidate.trials],
        "mean": rounds.score_of(candidate),
        "rank": rank,
    }
    return told if rank else told | dict.fromkeys(("mean_null_reason", "rank_null_reason"), _FAILED)


_FAILED = "a trial of it failed; its record says why"


def rows(result: dict[str, Any]) -> Sequence[tuple[str, ...]]:
    """Return a table's header and a row per setting, best first."""
    names, seeds = list(result["space"]), result["seeds"]
    spread = [f"seed {seed}" for seed in seeds] if len(seeds) > 1 else []
    header = (
        "rank",
        "trial",
        *names,
        f"{result['unit']}, {result['validation_images']} validation images",
        *spread,
    )
    told = sorted(result["trials"], key=lambda trial: (trial["rank"] is None, trial["rank"], trial["number"]))
    return [header] + [
        (
            str(trial["rank"] or "-"),
            "defaults" if trial["defaults"] else str(trial["number"] + 1),
            *[_number(trial["values"][name]) for name in names],
            _bits(trial["mean"]),
            *([_bits(score) for score in trial["scores"]] if spread else []),
        )
        for trial in told
    ]


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _bits(value: float | None) -> str:
    return "failed" if value is None else f"{value:.4f}"
