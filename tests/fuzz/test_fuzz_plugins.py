"""Whatever a strategy of the user's own returns or raises: refused in words, or its trial leaves a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cases import cases, check_message
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.running.one_trial import attempt_trial
from benchmark.running.preflight import preflight
from benchmark.running.run_settings import RunSettings
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt
from strategies.checks import StrategyError, check_strategy
from strategies.contract.registry import from_file

pytestmark = pytest.mark.slow
VALUES = [
    *(
        "None",
        "'x'",
        "True",
        "0",
        "1",
        "-1",
        "2",
        "0.5",
        "10**400",
        "-0.0",
        "1e-320",
        "1j",
        "object()",
        "int",
    ),
    *(
        "math.nan",
        "math.inf",
        "-math.inf",
        "[]",
        "{}",
        "()",
        "(0.5,)",
        "{'rotation': 0.5}",
        "{'x': 1}",
        "{1: 2}",
    ),
    *(
        "torch.tensor(0.5)",
        "torch.tensor([0.5, 0.5])",
        "torch.tensor(math.nan)",
        "np.float32(0.5)",
        "np.int64(1)",
    ),
    *(
        "np.array(0.5)",
        "np.array([0.5])",
        "np.array(['x'])",
        "lambda: 0",
        "'\\ud800'",
        "'a\\nb' * 2000",
        "b'x'",
    ),
    *(
        "decimal.Decimal('0.5')",
        "fractions.Fraction(1, 2)",
        "dict.fromkeys(['rotation', 'shift', 'x_flip'], 0.5)",
    ),
    *(
        "self",
        "[self]",
        "loop",
        "Path('x')",
        "datetime.date(2020, 1, 1)",
        "View(None)",
        "View(images)",
        "images",
    ),
    *(
        "View(images * 2)",
        "View(images[:1])",
        "View(images.double())",
        "View(images, images)",
        "(images, None)",
    ),
    *(
        "View(images, torch.zeros(len(images), 1))",
        "View(images * math.nan)",
        "View(images.add_(0.1).clamp_(0, 1))",
    ),
    *("View(torch.rand_like(images))", "View(1 - images)", "View([images])", "View(images.numpy())"),
]
RAISED = [
    *("ValueError('no')", "ValueError()", "TypeError('a\\nb')", "RuntimeError('\\ud800')", "KeyError('k')"),
    *("SystemExit(3)", "StopIteration()", "RecursionError()", "MemoryError()"),
    *("ZeroDivisionError()", "AssertionError()", "OSError(2, 'x')", "Exception('x' * 9000)", "Mine()"),
]
ANSWERS = st.sampled_from(VALUES).map(lambda v: f"return {v}") | st.sampled_from(RAISED).map(
    lambda v: f"raise {v}"
)
METHODS = {
    "strength": "progress",
    "probability": "progress",
    "operation_strengths": "progress, space",
    "condition_size": "space",
    "augment": "images, context",
    "state_dict": "",
    "load_state_dict": "state",
    "observe": "likelihoods",
    "from_tuned": "values",
}
ATTRIBUTES = ["validation_share", "conditions_decoder", "tunable", "name"]
HEAD = """\
import dataclasses, datetime, decimal, fractions, math
from pathlib import Path

import numpy as np
import torch

from strategies import Strategy, View

loop = []
loop.append(loop)
images = self = None


class Mine(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Odd(Strategy):
    validation_share = {share}

    def strength(self, progress):
        return 0.5
"""


@st.composite
def plugins(draw: st.DrawFn) -> str:
    """Write a strategy with one or two odd parts."""
    text = HEAD.format(share=draw(st.sampled_from(["0.0", "0.0", "0.2"])))
    for _ in range(draw(st.integers(1, 2))):
        part = draw(st.sampled_from([*METHODS, *METHODS, *ATTRIBUTES, "__init__", "body"]))
        if part in METHODS:
            self = "self, " if METHODS[part] else "self"
            text += f"\n    def {part}({self}{METHODS[part]}):\n        {draw(ANSWERS)}\n"
        elif part in ATTRIBUTES:
            text += f"\n    {part} = {draw(st.sampled_from(VALUES))}\n"
        elif part == "__init__":
            default, body = draw(st.sampled_from(VALUES)), draw(ANSWERS | st.just("pass"))
            text += f"\n    def __init__(self, odd={default}, *, other=0):\n        {body}\n"
        else:
            text += f"\n{draw(ANSWERS).replace('return', 'odd =')}\n"
    return text


SUITE = """\
datasets: [{name: digits, source: digits, size: 8, heldout: 40}]
budgets: [20]
seeds: [0]
strategies:
  - none
  - {name: './odd.py:Odd', label: odd}
augmentation_space: {rotation: 30, shift: 0.15, x_flip: 0.5}
model:
  vqvae: {hidden: 8, residual_hidden: 4, codes: 8, code_dim: 4}
  prior: {channels: 8, layers: 2, context_layers: 1}
training:
  codes: {steps: 2, batch: 8}
  prior: {steps: 2, batch: 8, evaluations: 1, observations: 1}
evaluation: {metrics: [nearest_training_ratio]}
"""


@cases(0.08)
@given(text=plugins())
def test_an_odd_strategy_is_refused_or_its_trial_leaves_a_record(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    root = tmp_path_factory.mktemp("odd")
    (root / "odd.py").write_text(text)
    (root / "odd.yaml").write_text(SUITE)
    trials: list[Trial] = []
    store = Store(root / "runs")
    try:
        suite = load_suite(root / "odd.yaml")
        trials = plan_trials(suite)
        preflight(suite, trials, root / "runs", RunSettings())
    except UserError as error:
        check_message(error, root / "odd.yaml")
        return
    for trial in trials[1:]:
        json.dumps(trial.resolved(), allow_nan=False)
        record = attempt_trial(trial, store, Attempt())
        assert record["status"] in ("done", "failed")
        kept = store.load(trial.id)
        assert kept is not None, text
        assert kept["status"] == record["status"]


@cases(0.08)
@given(text=plugins())
def test_the_battery_passes_an_odd_strategy_or_names_the_rule(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = Path(tmp_path_factory.mktemp("odd")) / "odd.py"
    path.write_text(text)
    try:
        odd = from_file(path, "Odd")
    except Exception:  # what a file raises when it is read is the registry's to pass on
        return
    said = "strategy Odd"
    try:
        check_strategy(odd)
    except StrategyError as error:
        said = str(error)
    said.encode()
    assert said.startswith("strategy Odd"), said
