"""What a plugin or a suite may hand over: plain finite numbers, or what can safely be turned into them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from running_bench import attempt

from benchmark.commands.listing import listing
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from benchmark.store.storable import legible, storable
from benchmark.store.store import Store
from benchmark.trial.record import failure

HEAD = (
    "import dataclasses, math\nimport numpy as np\nimport torch\nfrom strategies import Strategy, View\n"
    "def linear(p): return 1 - p\n"
)
ENTRY = "{name: phased, stages: [prior]}"


def write(folder: Path, suite_text: str, plugin: str, entry: str = "") -> Path:
    """Write a plugin's class `Own` and a suite that uses it."""
    (folder / "own.py").write_text(HEAD + plugin)
    path = folder / "tiny.yaml"
    own = f'{{name: "./own.py:Own", stages: [prior]{entry}}}'
    path.write_text(suite_text.replace(ENTRY, own))
    return path


def planned(path: Path) -> Trial:
    return plan_trials(load_suite(path))[-1]


def attempted(path: Path) -> dict[str, Any]:
    store = Store(path.parent / "runs")
    record = attempt(planned(path), store.root)
    assert store.load(record["id"]) == json.loads(json.dumps(record)), "what was returned is what was written"
    return record


def with_default(annotated: str) -> str:
    return (
        f"class Own(Strategy):\n    def __init__(self, x={annotated}):\n        self.x = x\n"
        "    def strength(self, progress):\n        return 0.5\n"
    )


@pytest.mark.parametrize(
    ("default", "said"),
    [
        ("math.inf", "the default of 'x' must be a finite number, got inf"),
        ("math.nan", "the default of 'x' must be a finite number, got nan"),
        ("[1.0, -math.inf]", r"the default of 'x'\[1\] must be a finite number, got -inf"),
        ("linear", r"the default of 'x' is <function linear at .* \(function\), which is no number, text"),
        (
            "lambda p: p",
            r"the default of 'x' is <function Own.<lambda> at .* \(function\), which is no number",
        ),
        ("object()", r"the default of 'x' is <object object at .* \(object\), which is no number"),
        ("{1, 2}", r"the default of 'x' is \{1, 2\} \(set\), which is no number"),
        ("{1: 0.5}", "the default of 'x' has the key 1: JSON has text for keys"),
        ("np.ones(2)", r"the default of 'x' is array\(\[1., 1.\]\) \(ndarray\), which is no number"),
        ("torch.tensor(math.nan)", "the default of 'x' must be a finite number, got nan"),
    ],
)
def test_a_default_that_no_record_can_hold_is_refused_with_its_place(
    tmp_path: Path, suite_text: str, default: str, said: str
) -> None:
    path = write(tmp_path, suite_text, with_default(default))
    with pytest.raises(UserError, match=said) as caught:
        planned(path)
    message, hint = str(caught.value).split("\n")
    assert message.startswith(f"{path}:7: strategy './own.py:Own': ")
    assert hint.startswith("parameters name a record: finite numbers")
    assert hint.endswith(f"give 'x' one here, or in {tmp_path / 'own.py'}:6")
    planned(write(tmp_path, suite_text, with_default(default), ", x: 1.0"))  # what is given needs no default


@pytest.mark.parametrize(
    ("default", "kept"),
    [
        ("np.float32(0.5)", 0.5),
        ("np.int64(3)", 3),
        ("np.bool_(True)", True),
        ("torch.tensor(0.25)", 0.25),
        ("(1.0, 0.5)", [1.0, 0.5]),
        ("None", None),
    ],
)
def test_a_default_that_is_nearly_plain_becomes_plain(
    tmp_path: Path, suite_text: str, default: str, kept: object
) -> None:
    found = planned(write(tmp_path, suite_text, with_default(default))).strategy.parameters["x"]
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (".inf", "'.inf' is infinite"),
        ("[0.5, .nan]", "'.nan' is not a number"),
    ],
)
def test_a_parameter_that_no_record_can_hold_is_refused_with_its_place(
    tmp_path: Path, suite_text: str, given: str, said: str
) -> None:
    path = write(tmp_path, suite_text, with_default("0.5"), f", x: {given}")
    with pytest.raises(UserError, match=said) as caught:
        planned(path)
    assert str(caught.value).startswith(f"{path}:7: ")
    assert len(str(caught.value).split("\n")) == 2


DATACLASS = (
    "@dataclasses.dataclass\nclass Own(Strategy):\n    level: float = 0.5\n"
    "    steps: list = dataclasses.field(default_factory=FACTORY)\n"
    "    def strength(self, progress):\n        return self.level * self.steps[min(2, int(progress * 3))]\n"
)


def test_a_dataclass_with_a_default_factory_is_a_strategy(tmp_path: Path, suite_text: str) -> None:
    path = write(tmp_path, suite_text, DATACLASS.replace("FACTORY", "lambda: [1.0, 0.5, 0.0]"))
    trial = planned(path)
    assert trial.strategy.parameters == {"level": 0.5, "steps": [1.0, 0.5, 0.0]}
    assert trial.id == planned(path).id
    assert (
        planned(write(tmp_path, suite_text, (tmp_path / "own.py").read_text(), ", level: 0.4")).id != trial.id
    )
    record = attempted(path)
    assert record["status"] == "done"


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("lambda: [object()] * 3", r"the default of 'steps'\[0\] is <object"),
        ("lambda: 1 / 0", "the default of 'steps' cannot be made: its factory raises ZeroDivisionError"),
        ("lambda: list(np.random.rand(3))", "the default of 'steps' is another one each time it is made"),
    ],
)
def test_a_factory_that_makes_no_plain_value_is_refused(
    tmp_path: Path, suite_text: str, factory: str, said: str
) -> None:
    path = write(tmp_path, suite_text, DATACLASS.replace("FACTORY", factory))
    with pytest.raises(UserError, match=said):
        planned(path)


def with_strength(answer: str, more: str = "") -> str:
    return f"class Own(Strategy):\n    def strength(self, progress):\n        return {answer}\n{more}"


@pytest.mark.parametrize(
    "answer",
    [
        "torch.cos(torch.tensor(progress) * 1.5).clamp(0, 1)",
        "np.float32(1 - progress)",
        "np.array(1 - progress)",
        "int(progress < 0.5)",
        "progress < 0.5",
    ],
)
def test_a_strength_that_is_nearly_plain_trains_and_is_recorded(
    tmp_path: Path, suite_text: str, answer: str
) -> None:
    record = attempted(write(tmp_path, suite_text, with_strength(answer)))
    assert record["status"] == "done", record["traceback"]
    assert type(record["mean_strength"]) is float
    assert 0 < record["mean_strength"] < 1


ANSWERS = {
    "nan": ("math.nan", "strength of rotation must be a finite number, got nan"),
    "infinity": ("math.inf", "got inf"),
    "more than 1": ("1.5", "strength of rotation must lie in"),
    "none": ("None", r"got None \(NoneType\)"),
    "text": ("'0.5'", r"got '0.5' \(str\)"),
    "array": ("np.ones(1)", r"got array\(\[1.\]\) \(ndarray\)"),
    "complex": ("1j", r"got 1j \(complex\)"),
    "nan in the middle": ("math.nan if 0.3 < progress < 0.4 else 0.5", "at progress 0.31: .* got nan"),
    "it raises": ("[1.0, 0.5][int(progress * 2)]", "strength at progress 1 .* raises IndexError: list index"),
}


@pytest.mark.parametrize(("answer", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_strength_that_is_no_share_is_refused_in_the_plan(
    tmp_path: Path, suite_text: str, answer: str, said: str
) -> None:
    path = write(tmp_path, suite_text, with_strength(answer))
    with pytest.raises(UserError, match=said) as caught:
        planned(path)
    assert str(caught.value).startswith(f"{path}:7: strategy './own.py:Own' refuses its parameters\n")


PARTS = {
    "probability": ("    def probability(self, progress):\n        return 2\n", "probability must lie in"),
    "validation share": ("    validation_share = math.nan\n", r"validation_share lies in \[0, 1\)"),
    "all validates": ("    validation_share = 1\n", r"validation_share lies in \[0, 1\), not at 1"),
    "condition size": (
        "    def condition_size(self, space):\n        return 2.5\n",
        "condition_size is a whole number of 0 or more, not 2.5",
    ),
    "unknown operation": (
        "    def operation_strengths(self, progress, space):\n        return {'rotate': 1.0}\n",
        r"names operations of the space \(rotation, shift, x_flip\), not 'rotate'",
    ),
    "no mapping": (
        "    def operation_strengths(self, progress, space):\n        return [1.0]\n",
        r"operation_strengths returns a mapping, not \[1.0\]",
    ),
    "state": (
        "    def state_dict(self):\n        return {'level': math.nan}\n",
        r"state_dict is plain JSON with finite numbers; state_dict\(\)\['level'\] must be .* got nan",
    ),
    "constructor": ("    def __init__(self):\n        raise KeyError('no')\n", "KeyError: 'no'"),
}


@pytest.mark.parametrize(("part", "said"), PARTS.values(), ids=PARTS)
def test_other_answers_are_refused_in_the_plan(tmp_path: Path, suite_text: str, part: str, said: str) -> None:
    path = write(tmp_path, suite_text, with_strength("0.5", part))
    with pytest.raises(UserError, match=said) as caught:
        planned(path)
    assert len(str(caught.value).split("\n")) == 2


LATE = {
    "surrogates": "raise ValueError('\\ud800')",
    "no text": "raise ValueError(b'\\xff', object())",
    "a message that raises": "raise Mean()",
    "a huge message": "raise ValueError('x' * 10_000_000)",
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_whatever_an_exception_says_a_failure_record_is_written(
    tmp_path: Path, suite_text: str, late: str
) -> None:
    mean = "class Mean(Exception):\n    def __str__(self):\n        raise RuntimeError('no')\n"
    augment = (
        "    def augment(self, images, context):\n        if context.step == 2:\n"
        f"            {late}\n        return super().augment(images, context)\n"
    )
    path = write(tmp_path, suite_text, mean + with_strength("0.5", augment))
    record = attempted(path)
    assert record["status"] == "failed"
    assert len(record["reason"]) < 5000
    assert len(record["traceback"]) < 50_000
    record["reason"].encode()
    record["traceback"].encode()


def test_a_state_that_goes_bad_in_training_is_a_failure_record(tmp_path: Path, suite_text: str) -> None:
    observing = (
        "    validation_share = 0.2\n    seen = 0.0\n"
        "    def observe(self, likelihoods):\n        self.seen = math.nan\n"
        "    def state_dict(self):\n        return {'seen': self.seen}\n"
    )
    record = attempted(write(tmp_path, suite_text, with_strength("0.5", observing)))
    assert record["status"] == "failed"
    assert "state_dict is plain JSON with finite numbers" in record["reason"]


def test_a_state_of_numpy_and_torch_numbers_is_recorded_plain(tmp_path: Path, suite_text: str) -> None:
    observing = (
        "    validation_share = np.float64(0.2)\n    seen = 0\n"
        "    def observe(self, likelihoods):\n        self.seen = torch.tensor(likelihoods.progress)\n"
        "    def state_dict(self):\n        return {'seen': (self.seen, np.int64(1))}\n"
    )
    record = attempted(write(tmp_path, suite_text, with_strength("0.5", observing)))
    assert record["status"] == "done", record["traceback"]
    assert record["strategy_state"] == {"seen": [1.0, 1]}


def test_a_number_that_is_not_finite_is_null_beside_its_reason() -> None:
    found = storable(
        {
            "status": "done",
            "fid": math.nan,
            "curve": [1.0, math.inf],
            "kid": np.float32(0.5),
            "n": np.int64(3),
        }
    )
    assert found == {
        "status": "done",
        "fid": None,
        "fid_null_reason": "not finite: fid is nan",
        "curve": [1.0, None],
        "curve_null_reason": "not finite: curve[1] is inf",
        "kid": 0.5,
        "n": 3,
    }
    assert storable(found) == found


def test_a_finished_record_with_what_is_no_json_is_refused_and_a_failure_shows_it() -> None:
    with pytest.raises(ValueError, match=r"key is <object object at .* which is no number"):
        storable({"status": "done", "key": object()})
    assert storable({"status": "failed", "key": [torch.ones(2)]})["key"] == ["tensor([1., 1.])"]


def test_text_is_legible() -> None:
    assert legible("caf\u00e9 \ud800", 100) == "caf\u00e9 \\ud800"
    assert legible("a" * 100 + "b" * 100, 20) == "a" * 10 + "\n[180 characters left out]\n" + "b" * 10


def test_a_failure_of_anything_can_be_written(tmp_path: Path, suite_file: Path) -> None:
    store, trial = Store(tmp_path / "runs"), planned(suite_file)
    store.write(failure(trial, "x" * 10**6 + "\udcff", "\ud800" * 10**6), {})
    found = store.load(trial.id)
    assert found is not None
    assert found["status"] == "failed"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("prior: {learning_rate: .nan, ", "'.nan' is not a number"),
        ("prior: {clip: .inf, ", "'.inf' is infinite"),
    ],
)
def test_settings_of_training_are_finite(tmp_path: Path, suite_text: str, changed: str, said: str) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(suite_text.replace("prior: {steps: 6, ", f"{changed}steps: 6, "))
    with pytest.raises(UserError, match=said) as caught:
        planned(path)
    assert len(str(caught.value).split("\n")) == 2


SPACES = {
    "{rotation: .nan}": "'.nan' is not a number",
    "{rotation: 2020-01-01}": r"rotation is '2020-01-01'\na number is expected: degrees",
    "{rotation: [1, 2]}": r"rotation is \[1, 2\]\na number is expected",
    "{rotation: null}": "rotation is (None|null)\na number is expected",
    "{rotation: 5, padding: 0}": "padding '0' is unknown\nKnown: border, grey, reflection, zeros",
    "{rotation: 5, padding: [grey]}": "padding '.* is unknown",
    "{rotation: 5, contrast_about: mean}": "contrast_about is set, but the space holds no",
    "{rotation: 5, factors: linear}": "factors is set, but the space holds no",
    "{contrast: 0.2, contrast_about: gray}": "contrast_about 'gray' is unknown\nDid you mean 'grey'?",
    "{contrast: 1.2, factors: linear}": "contrast: 1.2 is outside .* where `factors` is linear",
    "{from: diffaugment, factors: log}": "factors 'log' is unknown",
    "{from: 3}": "augmentation space '3' is unknown",
}


@pytest.mark.parametrize(("written", "said"), SPACES.items(), ids=list(SPACES))
def test_a_space_that_will_not_do_is_refused_with_its_line(
    tmp_path: Path, suite_text: str, written: str, said: str
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(suite_text.replace("{rotation: 30, shift: 0.15, x_flip: 0.5}", written))
    with pytest.raises(UserError, match=said) as caught:
        planned(path)
    assert str(caught.value).startswith(f"{path}:8: ")
    assert len(str(caught.value).split("\n")) == 2


def test_records_of_an_operation_that_changed_its_meaning_get_another_name(
    tmp_path: Path, suite_text: str
) -> None:
    def space(written: str) -> Any:
        path = tmp_path / "tiny.yaml"
        path.write_text(suite_text.replace("{rotation: 30, shift: 0.15, x_flip: 0.5}", written))
        return planned(path).resolved()["space"]

    plain = {"ranges": {"brightness": 0.1}, "padding": "reflection"}
    assert space("{brightness: 0.1}") == plain, "as it always was"
    old = {"ranges": {"contrast": 0.2}, "padding": "reflection"}
    assert space("{contrast: 0.2}") == old | {"contrast_about": "grey", "operations": {"contrast": 2}}
    assert space("{contrast: 0.2, contrast_about: mean}")["contrast_about"] == "mean"
    assert "operations" not in space("{hue: 20}"), "digits are grey and skip it"


def test_operations_are_listed_with_their_deviations_and_settings() -> None:
    rows = {row[0]: row[1:] for row in listing("operations")}
    assert rows["contrast"][1] == "2"
    assert "DiffAugment's about the image's mean" in rows["contrast"][2]
    assert "not HSV" in rows["hue"][2]
    assert "not HSV" in rows["saturation"][2]
    assert "halve their numbers" in rows["brightness"][2]
    assert rows["contrast_about"][0] == "grey | mean"
    assert rows["padding"][0].startswith("reflection | ")
    spaces = dict(listing("spaces")[1:])
    assert "contrast_about: mean, factors: linear" in spaces["diffaugment"]
    assert "padding" not in spaces["mild"]
