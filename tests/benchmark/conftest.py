"""Records that look like a published suite's, rebuilt from a table that stays: new reports break no test."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TABLE = Path(__file__).with_name("published_table.csv")  # of reports/limited_data, at commit 157b5a8
SHARED, OWN = (1.0, -0.2, -0.8), (-0.9, 1.0, -0.1)  # how the three seeds scatter; neither is symmetric
T_AT_THREE = 4.302653


@pytest.fixture(scope="session")
def published_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a runs folder with the means and intervals of reports/limited_data, and images; return it."""
    root = tmp_path_factory.mktemp("published")
    with TABLE.open() as stream:
        rows = list(csv.DictReader(stream))
    trials = []
    (root / "records").mkdir()
    baseline = {row["budget"]: row for row in rows if row["strategy"] == "none"}
    for row in rows:
        for seed in range(3):
            record = published_record(row, baseline[row["budget"]], seed)
            (root / "records" / f"{record['id']}.json").write_text(json.dumps(record))
            trials.append({key: record[key] for key in ("id", "dataset", "budget", "strategy", "seed")})
            write_images(root / "artifacts" / record["id"], seed)
    manifest = {
        "suite": "limited_data",
        "title": "Limited data on handwritten digits",
        "baseline": "none",
        "command": "bench run suites/limited_data.yaml",
        "augmentation_space": {"rotation": 30.0, "x_flip": 0.5, "padding": "zeros"},
        "trials": trials,
    }
    (root / "suites").mkdir()
    (root / "suites" / "limited_data.json").write_text(json.dumps(manifest))
    return root


def published_record(row: dict[str, str], base: dict[str, str], seed: int) -> dict[str, Any]:
    """Spread a cell's mean over one seed so that the cell's intervals come out as published."""
    name, budget = row["strategy"], int(row["budget"])
    identity = f"{name} {budget} {seed}"
    record: dict[str, Any] = {
        "schema_version": 1,
        "id": hashlib.sha256(identity.encode()).hexdigest()[:16],
        "status": "done",
        "dataset": "digits",
        "dataset_fingerprint": "361f7b388940d39c",
        "budget": budget,
        "strategy": name,
        "strategy_class": name.partition("-")[0],
        "seed": seed,
        "trial": {"strategy": {"name": name, "parameters": {}}, "model": {"size": 16, "channels": 1}},
        "extractor": "random",
        "extractor_fingerprint": "d8cbf97247d0a9d9",
        "samples": 500,
        "references": 500,
        "versions": {"python": "3.11.7", "torch": "2.15.0"},
        "device": "cpu",
        "cpu_threads": 1,
        "hardware": "AMD EPYC",
        "git_commit": "974b8abb8d7c",
    }
    for key in [column.removesuffix("_mean") for column in row if column.endswith("_mean")]:
        if not key.endswith("_diff") and row[f"{key}_mean"]:
            record[key] = seed_value(row, base, key, seed)
    record["prior_steps"] = 400
    return record | curves(record)


def seed_value(row: dict[str, str], base: dict[str, str], key: str, seed: int) -> float:
    """Return the baseline's value of a seed plus this strategy's paired difference."""
    value = float(base[f"{key}_mean"]) + deviation(base, key) * standardised(SHARED)[seed]
    if row["strategy"] != "none":
        value += float(row[f"{key}_diff_mean"]) + deviation(row, f"{key}_diff") * standardised(OWN)[seed]
    return value


def deviation(row: dict[str, str], key: str) -> float:
    """Return the standard deviation behind a published interval at n = 3."""
    return (float(row[f"{key}_high"]) - float(row[f"{key}_low"])) / 2 / T_AT_THREE * math.sqrt(3)


def standardised(pattern: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """Scale a pattern to mean 0 and standard deviation 1."""
    values = np.array(pattern) - np.mean(pattern)
    return values / values.std(ddof=1)


def curves(record: dict[str, Any]) -> dict[str, Any]:
    """Return learning curves that end at the record's rates."""
    steps = list(range(0, 401, 20))
    falls = [math.exp(-step / 80) for step in steps]
    strength = {"none": 0.0, "none-early-stop": 0.0, "constant": 1.0}.get(record["strategy"], 0.5)
    return {
        "curve_step": steps,
        "curve_strength": [strength] * len(steps),
        "curve_rate_train_bpd": [record["rate_train_bpd"] + fall for fall in falls],
        "curve_rate_heldout_bpd": [record["rate_heldout_bpd"] + fall for fall in falls],
    }


def write_images(folder: Path, seed: int) -> None:
    """Write 32 real digits of each kind, 16x16."""
    from sklearn.datasets import load_digits

    digits = (load_digits().images * 255 / 16).astype(np.uint8).repeat(2, 1).repeat(2, 2)[..., None]
    folder.mkdir(parents=True)
    kinds = ("samples", "nearest_train", "heldout", "reconstructions")
    sets = {kind: digits[(i * 40 + seed) : (i * 40 + seed) + 32] for i, kind in enumerate(kinds)}
    np.savez_compressed(folder / "images.npz", **sets)
