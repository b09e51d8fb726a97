"""Records of trials that were never run, and what a report makes of them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UserError
from benchmark.report.comparing.comparison import SuiteComparison, compare
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.protocol import refuse_mixed_protocols
from benchmark.report.words.frame import table_csv
from benchmark.report.words.readme import readme_text
from benchmark.report.words.section import Contents
from benchmark.report.words.sections import SECTIONS

Record = dict[str, Any]
Change = Callable[[Record], Record | None]
EFFECT = {"none": 0.0, "phased": -0.3, "constant": 0.2}
NOISE = (0.010, -0.004, 0.002)


def record_of(dataset: str, budget: int, strategy: str, seed: int) -> Record:
    """Make a plausible finished record."""
    bits = 3.0 + 0.1 * seed + EFFECT.get(strategy, 0.1) + (NOISE[seed % 3] if strategy != "none" else 0.0)
    steps = [0, 50, 100, 150, 200]
    rate = [2.0, 1.4, 1.0, 0.9, 0.95]
    return {
        "schema_version": 1,
        "id": hashlib.sha256(f"{dataset} {budget} {strategy} {seed}".encode()).hexdigest()[:16],
        "status": "done",
        "dataset": dataset,
        "dataset_fingerprint": "d1",
        "budget": budget,
        "strategy": strategy,
        "strategy_class": strategy.title(),
        "seed": seed,
        "trial": {"strategy": {"name": strategy}, "training": {"prior_steps": 200}},
        "extractor": "random",
        "extractor_fingerprint": "e1",
        "samples": 500,
        "references": 300,
        "fid": {"none": 0.05, "phased": 0.08, "constant": 0.4}.get(strategy, 0.1) + 0.001 * seed,
        "kid": 0.01 + 0.001 * seed,
        "precision": 0.7,
        "recall": {"none": 0.4, "phased": 0.8, "constant": 0.7}.get(strategy, 0.5),
        "nearest_training_ratio": {"none": 0.6, "phased": 0.95, "constant": 1.1}.get(strategy, 1.0),
        "rfid": 0.02,
        "bpd_heldout": bits,
        "bpd_train": bits - 0.5,
        "bpd_gap": 0.5,
        "perplexity_top": 20.0,
        "perplexity_bottom": 40.0,
        "reconstruction_mse": 0.003,
        "codes_shared": True,
        "parameters": 1000,
        "prior_steps": 200,
        "selected_step": 200,
        "images_seen": 6400,
        "validation_images": 0,
        "wall_seconds": 30.0,
        "curve_step": steps,
        "curve_strength": [0.0] * 5,
        "curve_rate_train_bpd": rate,
        "curve_rate_heldout_bpd": [value + 0.1 for value in rate],
        "versions": {"torch": "2.9.0"},
        "device": "cpu",
        "cpu_threads": 1,
        "hardware": "test",
        "git_commit": "abc123",
    }


def write_suite(
    root: Path,
    *,
    strategies: Sequence[str] = ("none", "phased"),
    seeds: Iterable[int] = (0, 1, 2),
    budgets: Iterable[int] = (60,),
    change: Change = lambda record: record,
    backwards: bool = False,
) -> Path:
    """Write a manifest and its records; `change` edits a record or drops it by returning None."""
    planned = [
        record_of("digits", b, strategy, seed) for b in budgets for strategy in strategies for seed in seeds
    ]
    (root / "records").mkdir(parents=True)
    for record in reversed(planned) if backwards else planned:
        changed = change(dict(record))
        if changed is not None:
            (root / "records" / f"{record['id']}.json").write_text(json.dumps(changed))
    keys = ("id", "dataset", "budget", "strategy", "seed")
    manifest = {
        "suite": "tiny",
        "source": "suites/tiny.yaml",
        "baseline": "none",
        "command": "bench run suites/tiny.yaml",
        "augmentation_space": {"rotation": 30.0},
        "trials": [{key: record[key] for key in keys} for record in planned],
    }
    path = root / "suites" / "tiny.json"
    path.parent.mkdir()
    path.write_text(json.dumps(manifest))
    return path


def compared(manifest: Path) -> SuiteComparison:
    suite = load_records(manifest, manifest.parent.parent)
    refuse_mixed_protocols(suite)
    return compare(suite)


def readme_of(manifest: Path) -> str:
    return readme_text(Contents(compared(manifest)), SECTIONS)


def rows_of(comparison: SuiteComparison) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table_csv(comparison))))


def only(**match: object) -> Callable[[Record], bool]:
    return lambda record: all(record[key] == value for key, value in match.items())


def failing(record: Record) -> Record:
    return {
        **{k: record[k] for k in ("schema_version", "id")},
        "status": "failed",
        "reason": "loss is nan\nat 3",
    }


def refusal(manifest: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        compared(manifest)
    assert len(str(caught.value).splitlines()) == 2
    return caught.value
