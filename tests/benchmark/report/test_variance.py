"""The variance split: known components, a hand-worked case, references from linear algebra, honest gaps."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from benchmark.report import write_report
from benchmark.report.comparing.comparison import compare
from benchmark.report.comparing.nested_variance import RepeatPlace, mean_squares, pooled
from benchmark.report.comparing.repeats_to_add import best_samplings, costs, options
from benchmark.report.comparing.variance_split import VarianceSplit, splits
from benchmark.report.reading.loading import load_records

HAND_WORKED = {(0, 0): [1, 3], (0, 1): [5, 7], (1, 0): [9, 11], (1, 1): [13, 15]}


def placed(groups: dict[tuple[int, int], list[float]]) -> dict[RepeatPlace, float]:
    return {(*model, n): float(value) for model, values in groups.items() for n, value in enumerate(values)}


def drawn(
    sizes: dict[tuple[int, int], int], deviations: Iterable[float], seed: int
) -> dict[RepeatPlace, float]:
    """Draw numbers with known standard deviations of subsets, initialisations and samplings."""
    random, (subset, initialisation, sampling) = np.random.default_rng(seed), deviations
    tops: dict[int, float] = {}
    found = {}
    for (s, k), count in sizes.items():
        top = tops.setdefault(s, subset * random.normal())
        model = top + initialisation * random.normal()
        found |= {(s, k, j): model + sampling * random.normal() for j in range(count)}
    return found


def crossed(subsets: int, initialisations: int, samplings: int) -> dict[tuple[int, int], int]:
    return dict.fromkeys(itertools.product(range(subsets), range(initialisations)), samplings)


UNBALANCED = {(0, 0): 3, (0, 1): 1, (1, 0): 2, (2, 0): 3, (2, 1): 3, (2, 2): 1, (3, 0): 2}


def test_a_case_worked_by_hand() -> None:
    # squares between: subsets 4 (4^2 + 4^2) / 1 = 128, models 2 (4 * 2^2) / 2 = 16, samplings 8 / 4 = 2
    found = mean_squares(placed(HAND_WORKED))
    assert found is not None
    assert (found.values, found.freedom) == ((128, 16, 2), (1, 2, 4))
    assert [c.variance for c in found.components()] == pytest.approx([28, 7, 2])


@pytest.mark.parametrize("sizes", [crossed(4, 2, 3), UNBALANCED, crossed(3, 1, 4), crossed(5, 2, 1)])
def test_mean_squares_and_their_expectations_are_those_of_projections(
    sizes: dict[tuple[int, int], int],
) -> None:
    numbers = drawn(sizes, (1.0, 0.5, 0.3), 1)
    places, values = zip(*sorted(numbers.items()), strict=True)
    designs = [
        np.ones((len(places), 1)),
        indicators([place[:1] for place in places]),
        indicators([place[:2] for place in places]),
        np.eye(len(places)),
    ]
    projections = [x @ np.linalg.pinv(x) for x in designs]
    found = mean_squares(numbers)
    assert found is not None
    quadratics = [(b - a, x) for a, b, x in zip(projections, projections[1:], designs[1:], strict=False)]
    quadratics = [(q, x) for q, x in quadratics if np.trace(q) > 0.5]
    for i, (q, _) in enumerate(quadratics):
        df = np.trace(q)
        assert found.freedom[i] == pytest.approx(df)
        assert found.values[i] == pytest.approx(np.array(values) @ q @ np.array(values) / df)
        expected = [np.trace(q @ x @ x.T) / df for _, x in quadratics]
        assert found.expected[i] == pytest.approx(expected, abs=1e-9)


def indicators(labels: list[tuple[int, ...]]) -> np.ndarray[Any, Any]:
    names = sorted(set(labels))
    return np.array([[float(label == name) for name in names] for label in labels])


def test_balanced_components_are_the_restricted_likelihoods() -> None:
    numbers = drawn(crossed(6, 3, 2), (1.0, 0.6, 0.4), 3)
    places, values = zip(*sorted(numbers.items()), strict=True)
    y, ones = np.array(values), np.ones((len(values), 1))
    parts = [(x := indicators([p[:depth] for p in places])) @ x.T for depth in (1, 2)] + [np.eye(len(y))]

    def loss(logs: np.ndarray[Any, Any]) -> float:
        covariance = sum(np.exp(log) * part for log, part in zip(logs, parts, strict=True))
        inverse = np.linalg.inv(covariance)
        weight = (ones.T @ inverse @ ones).item()
        residual = y - (ones.T @ inverse @ y).item() / weight
        return float(np.linalg.slogdet(covariance)[1] + np.log(weight) + residual @ inverse @ residual)

    best = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    found = mean_squares(numbers)
    assert found is not None
    assert [c.variance for c in found.components()] == pytest.approx(np.exp(best.x), rel=1e-4)


@pytest.mark.parametrize("sizes", [crossed(4, 2, 3), UNBALANCED], ids=["balanced", "unbalanced"])
def test_known_components_come_back_on_average(sizes: dict[tuple[int, int], int]) -> None:
    truth = (1.0, 0.7, 0.5)
    every = [mean_squares(drawn(sizes, truth, seed)) for seed in range(1500)]
    found = np.array([[c.variance for c in one.components()] for one in every if one is not None])
    error = found.std(axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(axis=0) - np.square(truth)) < 4 * error)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth = (0.4, 1.0, 0.8)
    held = np.zeros(3)
    for seed in range(1000):
        one = mean_squares(drawn(crossed(5, 2, 3), truth, seed))
        assert one is not None
        held += [c.low <= t**2 <= c.high for c, t in zip(one.components(), truth, strict=True)]
    assert np.all(held / 1000 > 0.93)
    assert np.all(held / 1000 < 0.975)


def test_unbalanced_repeats_have_variances_and_no_interval() -> None:
    found = mean_squares(drawn(UNBALANCED, (1, 1, 1), 0))
    assert found is not None
    assert all(np.isfinite(c.variance) and np.isnan(c.low) for c in found.components())


@pytest.mark.parametrize(
    ("sizes", "levels"),
    [
        (crossed(3, 1, 2), ("subset + initialisation", "sampling")),
        (crossed(3, 2, 1), ("subset", "initialisation + sampling")),
        (crossed(1, 3, 2), ("initialisation", "sampling")),
        (crossed(1, 1, 4), ("sampling",)),
        (crossed(3, 1, 1), ("subset + initialisation + sampling",)),
    ],
)
def test_levels_that_nothing_tells_apart_stand_together(
    sizes: dict[tuple[int, int], int], levels: tuple[str, ...]
) -> None:
    found = mean_squares(drawn(sizes, (1, 1, 1), 0))
    assert found is not None
    assert found.levels == levels


def test_one_number_has_no_scatter_and_order_does_not_matter() -> None:
    assert mean_squares({(0, 0, 0): 1.0}) is None
    numbers = drawn(UNBALANCED, (1, 1, 1), 0)
    assert mean_squares(dict(reversed(numbers.items()))) == mean_squares(numbers)


def test_pooling_is_the_mean_of_variances() -> None:
    every = [mean_squares(drawn(crossed(4, 2, 3), (1, 1, 1), seed)) for seed in range(3)]
    parts = [one for one in every if one is not None]
    means = np.mean([[c.variance for c in one.components()] for one in parts], axis=0)
    assert [c.variance for c in pooled(parts)] == pytest.approx(means)


def repeated_runs(
    root: Path, *, initialisations: int = 2, samplings: int = 3, without: tuple[str, ...] = ()
) -> Path:
    """Write records whose baseline scatters by subset and whose differences scatter by initialisation."""
    random = np.random.default_rng(0)
    trials = []
    (root / "records").mkdir(parents=True)
    for seed, k in itertools.product(range(4), range(initialisations)):
        base, apart = 3 + seed, random.normal(0, 0.1)
        noise = random.normal(0, 0.001, (2, samplings))
        for place, name in enumerate(("none", "phased")):
            kid = [float(base + place * (apart - 0.5) + e) for e in noise[place]]
            record = {
                "schema_version": 1,
                "id": f"{name}{seed}{k}",
                "status": "done",
                "dataset": "digits",
                "budget": 60,
                "strategy": name,
                "seed": seed,
                "initialisation": k,
                "bpd_heldout": base + place * (apart - 0.5),
                "kid": kid[0],
                "wall_seconds": 20.0 + samplings,
                "sampling_seconds": 0.5,
                "scoring_seconds": 0.5,
                "prior_steps": 10,
            }
            if samplings > 1:
                record |= {"repeated_scores": {"kid": kid}, "repeated_seconds": samplings - 1.0}
            if record["id"] not in without:
                (root / "records" / f"{record['id']}.json").write_text(json.dumps(record))
            entry = {key: record[key] for key in ("id", "dataset", "budget", "strategy", "seed")}
            trials.append(entry | ({"initialisation": k} if k else {}))
    manifest = {"suite": "varied", "title": "", "baseline": "none", "command": "", "trials": trials}
    (root / "suites").mkdir()
    path = root / "suites" / "varied.json"
    path.write_text(json.dumps(manifest))
    return path


def split_of(path: Path, key: str, strategy: str | None, *, difference: bool) -> VarianceSplit:
    found = splits(compare(load_records(path, path.parent.parent)), key)
    return next(s for s in found if s.strategy == strategy and s.is_difference == difference)


def test_scores_scatter_by_subset_and_differences_by_initialisation(tmp_path: Path) -> None:
    path = repeated_runs(tmp_path)
    own = {c.level: c.variance for c in split_of(path, "kid", "none", difference=False).components}
    paired = {c.level: c.variance for c in split_of(path, "kid", "phased", difference=True).components}
    assert own["subset"] == pytest.approx(5 / 3, rel=1e-2)  # of 3, 4, 5, 6
    assert own["initialisation"] < 1e-4
    assert paired["initialisation"] == pytest.approx(0.01, rel=0.9)
    assert paired["sampling"] == pytest.approx(2e-6, rel=0.9)


def test_bits_per_dim_have_no_sampling_component(tmp_path: Path) -> None:
    found = split_of(repeated_runs(tmp_path), "bpd_heldout", "phased", difference=True)
    assert [c.level for c in found.components] == ["subset", "initialisation"]
    assert {o.level for o in options(found, (20, 1))} == {"subset", "initialisation"}


def test_what_one_more_repeat_is_worth_follows_from_the_components(tmp_path: Path) -> None:
    path = repeated_runs(tmp_path)
    found = split_of(path, "kid", "phased", difference=True)
    assert costs(compare(load_records(path, tmp_path)), "digits", 60) == pytest.approx((2 * 20, 2 * 1))
    a, b, e = (c.shown for c in found.components)
    now, more = a / 4 + b / 8 + e / 24, {"subset": a / 5 + b / 10 + e / 30}
    more |= {"initialisation": a / 4 + b / 12 + e / 36, "sampling": a / 4 + b / 8 + e / 32}
    seconds = {"subset": 2 * (40 + 3 * 2), "initialisation": 4 * (40 + 3 * 2), "sampling": 8 * 2}
    for option in options(found, (40, 2)):
        assert option.removed == pytest.approx(1 - more[option.level] / now)
        assert option.seconds == pytest.approx(seconds[option.level])
    assert best_samplings(found, (40, 2)) == max(1, round(np.sqrt(e / (a + b) * 20)))


def page_of(path: Path, output: Path) -> str:
    write_report(path, path.parent.parent, output)
    return (output / "README.md").read_text()


def test_the_report_splits_says_what_to_add_and_lists_every_number(tmp_path: Path) -> None:
    text = page_of(repeated_runs(tmp_path / "runs"), tmp_path / "report")
    assert "### Variance split" in text
    assert "| 60 | `phased` | difference to `none` | 4 × 2 × 3 |" in text
    assert "digits, 60 images, KID: add subsets (variance removed per second:" in text
    table = pd.read_csv(tmp_path / "report" / "variance.csv")
    assert set(table["level"]) == {"subset", "initialisation", "sampling"}
    assert (table["variance_low"] <= table["variance"].clip(lower=0)).all()


def test_main_tables_show_initialisation_0_only(tmp_path: Path) -> None:
    repeated_runs(tmp_path / "a")
    repeated_runs(tmp_path / "b", initialisations=1, samplings=1)
    for name in ("a", "b"):  # the random numbers of both differ, the baseline's bits/dim do not
        page_of(tmp_path / name / "suites" / "varied.json", tmp_path / name / "report")
    tables = [pd.read_csv(tmp_path / name / "report" / "table.csv") for name in ("a", "b")]
    rows = [table[table["strategy"] == "none"].iloc[0] for table in tables]
    assert rows[0]["bpd_heldout_n"] == 4
    for key in ("trials", "done", "bpd_heldout_mean", "bpd_heldout_low", "bpd_heldout_n"):
        assert rows[0][key] == rows[1][key]


def test_without_repeats_the_suite_key_is_named(tmp_path: Path) -> None:
    path = repeated_runs(tmp_path / "runs", initialisations=1, samplings=1)
    text = page_of(path, tmp_path / "report")
    assert "needs repeats in the suite, `repeats: {initialisations: 2, samplings: 3}`" in text
    assert "Variance split" not in text
    assert not (tmp_path / "report" / "variance.csv").exists()


@pytest.mark.parametrize(
    ("repeats", "said"),
    [
        ({"samplings": 1}, "initialisation and sampling (`repeats: {samplings: 2}` or more would)"),
        ({"initialisations": 1}, "subset and initialisation (`repeats: {initialisations: 2}` or more would)"),
        ({"without": ("phased11",)}, "formulae for unequal numbers"),
    ],
)
def test_what_cannot_be_told_apart_is_said_with_what_is_missing(
    tmp_path: Path, repeats: dict[str, Any], said: str
) -> None:
    assert said in page_of(repeated_runs(tmp_path / "runs", **repeats), tmp_path / "report")


def test_a_missing_repeat_is_named_and_leaves_the_main_table_whole(tmp_path: Path) -> None:
    path = repeated_runs(tmp_path / "runs", without=("phased11",))
    text = page_of(path, tmp_path / "report")
    assert "| `phased11` | digits | 60 | `phased` | 1, initialisation 1 | missing |" in text
    assert split_of(path, "kid", "phased", difference=True).counts == ((4, 4), (1, 2), (3, 3))
    assert pd.read_csv(tmp_path / "report" / "table.csv")["done"].tolist() == [4, 4]
