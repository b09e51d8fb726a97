"""Whatever stands in a suite's file: it is planned, or refused in two lines that begin with file and line."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cases import ODD, cases, check_message
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data import readers
from benchmark.data.sources import read_digits
from benchmark.errors import UserError, is_one_line
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.yaml_file import read_yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
(QUESTION,) = re.findall(r"^```yaml\n(# question.yaml\n.*?)^```$", README, re.M | re.S)
WHOLE = """\
title: every key
datasets:
  - {name: some, source: digits, classes: ["0", "1"]}
  - {name: figures, source: shapes, images: 90, heldout: 40, size: 8, channels: 1, resize: box}
budgets: [8, 20]
seeds: [0, 1]
repeats: {initialisations: 2, samplings: 2}
strategies:
  - none
  - {name: phased, label: mine, stages: [prior], strengths: [1, 0], model: {prior: {dropout: 0.5}}}
  - {name: adaptive, training: {selection: best_validation, validation_share: 0.3}, target: 0.02}
  - name: constant
    strength: 0.5
    tuning: {trials: 2, seeds: [9], budget: 8, dataset: some}
  - {name: conditional, decoder: true}
  - {name: matched, to: phased}
baseline: none
augmentation_space: {from: mild, rotation: 30, shift: 0.15, padding: zeros}
model:
  preset: tiny
  vqvae: {hidden: 8, downsample: [2, 2], decay: 0.9, commitment: 0.25, precision: float32}
  prior: {channels: 8, layers: 2, attention_heads: 2}
training:
  codes: {steps: 6, batch: 8, learning_rate: 1e-3, warmup: 0.1}
  prior: {steps: 6, micro_batch: 4, evaluations: 2, polyak: 0.9, compile: false}
  selection: last
evaluation: {samples: 10, extractor: random, metrics: [fid, leakage]}
resources: {cpus: 1, gpus: 0, checkpoint_seconds: 60}
"""


def here(text: str) -> str:
    """Name data that every machine has, so that more than the missing file is looked at."""
    return text.replace("zip:../../shared/data/cifar10_cats.zip", "digits").replace("size: 32", "size: 16")


SUITES = [WHOLE, WHOLE, here(QUESTION)]
SUITES += [here(path.read_text()) for path in sorted((ROOT / "suites").glob("*.yaml"))]


@pytest.fixture(autouse=True)
def _quick_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the digits once, and never larger than they need be."""
    monkeypatch.setattr(readers, "read_digits", quick_digits)


@functools.cache
def quick_digits(size: int) -> Any:
    return read_digits(size) if size <= 24 else quick_digits(24)


@pytest.fixture(scope="module")
def suite_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("suites") / "odd.yaml"


def check_suite_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        trials = plan_trials(load_suite(path))
    except UserError as error:
        check_message(error, path)
        return
    assert trials
    for trial in trials[:20]:
        assert re.fullmatch("[0-9a-f]{16}", trial.id)
        assert is_one_line(trial.title)
        json.dumps(trial.resolved(), allow_nan=False)


@st.composite
def changed_values(draw: st.DrawFn) -> str:
    """Take a real suite, put an odd value at one or two places, and write it as YAML's flow style."""
    text = draw(st.sampled_from(SUITES))
    values = parsed(text)
    root = json.loads(json.dumps(values))
    odd: list[str] = []
    for _ in range(draw(st.integers(1, 2))):
        node: Any = root
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 3)):
                node = node[key]
                continue
            change(draw, node, key, odd)
            break
    text = json.dumps(root, ensure_ascii=False, indent=draw(st.sampled_from([None, 1])))
    return re.sub(r'"@(\d+)@"', lambda found: odd[int(found[1])], text)


def change(draw: st.DrawFn, node: Any, key: Any, odd: list[str]) -> None:
    """Replace, remove, rename or repeat one entry."""
    how = draw(st.sampled_from(["value", "value", "value", "remove", "rename", "wrap"]))
    if how == "remove":
        del node[key]
    elif how == "rename" and isinstance(node, dict):
        node[f"@{len(odd)}@"] = node.pop(key)
        odd.append(draw(st.sampled_from(ODD)) or "''")
    elif how == "wrap":
        node[key] = draw(st.sampled_from([[node[key]], {"name": node[key]}, str(node[key]), [node[key]] * 2]))
    else:
        node[key] = f"@{len(odd)}@"
        odd.append(draw(st.sampled_from(ODD)))


@functools.cache
def parsed(text: str) -> dict[str, Any]:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return read_yaml(Path(file.name)).values


LINES = [
    "",
    "\t",
    "  - ",
    "---",
    "...",
    "a: b",
    "#",
    "? x",
    "<<: *a",
    "%YAML 1.1",
    "\ufeff",
    "\u2028",
    "]",
    "}",
]
CHANGES = ["remove", "repeat", "insert", "indent", "cut", "value", "character", "swap"]


@st.composite
def changed_lines(draw: st.DrawFn) -> bytes:
    """Take a real suite's text and change its lines, its ends, its encoding."""
    lines = draw(st.sampled_from(SUITES)).split("\n")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(CHANGES))
        line = lines[at]
        if how == "remove" and len(lines) > 1:
            del lines[at]
        elif how == "repeat":
            lines.insert(at, line)
        elif how == "insert":
            lines.insert(at, draw(st.sampled_from(LINES + ODD)))
        elif how == "indent":
            lines[at] = draw(st.sampled_from([" ", "\t", "    "])) + line
        elif how == "cut":
            lines[at] = line[: draw(st.integers(0, len(line)))]
        elif how == "value":
            lines[at] = re.sub(r":.*", lambda _: ": " + draw(st.sampled_from(ODD)), line, count=1)
        elif how == "character":
            place = draw(st.integers(0, len(line)))
            lines[at] = line[:place] + draw(st.characters(exclude_categories=["Cs"])) + line[place:]
        else:
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
    text = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(lines)
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])), "replace")
    return data if draw(st.integers(0, 9)) else data[: draw(st.integers(0, len(data)))]


KEYS = st.sampled_from([*parsed(WHOLE), "name", "<<", "1", "~", "'x y'", "? ", "日本", "a"])
TREES = st.recursive(
    st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(KEYS, inner, max_size=4).map(
            lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
        )
    ),
    max_leaves=8,
)


@cases(0.25)
@given(text=changed_values())
def test_a_suite_with_odd_values_is_planned_or_refused_at_a_line(suite_path: Path, text: str) -> None:
    check_suite_file(suite_path, text.encode())


@cases(0.12)
@given(content=changed_lines())
def test_a_suite_with_odd_lines_is_planned_or_refused_at_a_line(suite_path: Path, content: bytes) -> None:
    check_suite_file(suite_path, content)


@cases(0.06)
@given(entries=st.dictionaries(KEYS, TREES, max_size=8), broken=st.booleans())
def test_a_made_up_suite_is_planned_or_refused_at_a_line(
    suite_path: Path, entries: dict[str, str], broken: bool
) -> None:
    lines = ["datasets: [digits]", "budgets: [20]", "seeds: [0]", "strategies: [none]"] * (not broken)
    text = "\n".join([*lines, *(f"{key}: {value}" for key, value in entries.items())])
    check_suite_file(suite_path, text.encode())


@cases(0.02)
@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_no_traceback(suite_path: Path, content: bytes) -> None:
    check_suite_file(suite_path, content)


@pytest.mark.parametrize("text", SUITES[2:])
def test_what_the_mutations_start_from_is_sound(suite_path: Path, text: str) -> None:
    check_suite_file(suite_path, text.encode())


def test_the_suite_of_every_key_is_planned(suite_path: Path) -> None:
    suite_path.write_text(WHOLE)
    assert len(plan_trials(load_suite(suite_path))) == 6 * 2 * 2 * 2 * 2
