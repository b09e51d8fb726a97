"""Mistakes in a suite: two lines that say where, what, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.cost.stand_ins import plan_for_cost
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.planning.trial import Trial
from pcvq2.config import PRESETS
from strategies.augmentation.named_spaces import NAMED_SPACES


def complaint(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        plan_trials(load_suite(path))
    message = str(caught.value)
    assert message.count("\n") == 1, message
    return message


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("seeds: [0]", "seed: [0]", 4, "key 'seed' is unknown\nDid you mean 'seeds'?"),
        ("budgets: [20]", "budgets: [20]\nbudgets: [30]", 4, "duplicate key"),
        ("budgets: [20]", "budgets: [sixty]", 3, "a whole number is expected"),
        ("budgets: [20]", "budgets: [true]", 3, "is true\na whole number is expected"),
        ("budgets: [20]", "budgets: ['60']", 3, "is '60'\na whole number is expected"),
        ("budgets: [20]", "budgets: 60", 3, "budgets is 60\na list is expected"),
        ("seeds: [0]", "seeds: 3", 4, "seeds is 3\na list is expected"),
        ("seeds: [0]", f"seeds: [{'9' * 30}]", 4, "too large a number"),
        ("seeds: [0]", f"seeds: [{'9' * 5000}]", 4, "is not a number"),
        ("seeds: [0]", "seeds: [0]\nrepeats: {initialisations: 1000000}", 5, "a suite holds at most 100,000"),
        ("heldout: 40", "heldout: true", 2, "heldout is true\na whole number is expected"),
        ("heldout: 40", "heldout: 4.5", 2, "a whole number is expected"),
        ("size: 16", "size: '16'", 2, "a whole number is expected"),
        ("name: digits,", '"name": "a\\nb",', 2, "it cannot be printed"),
        ("name: digits,", f"name: {'x' * 200},", 2, "at most 100 characters"),
        ("  - none\n", "  name: none\n", 7, "not valid YAML"),
        (
            "- none",
            "- none\n  - {name: none, label: x, training: {validation_share: true}}",
            7,
            "a number is",
        ),
        ("- none", "- none\n  - {name: none, label: x, model: {preset: tinny}}", 7, "Did you mean 'tiny'?"),
        ("{rotation: 30, shift: 0.15, x_flip: 0.5}", "[rotation]", 8, "a name or operations are expected"),
        ("rotation: 30", "rotation: true", 8, "a number is expected"),
        ("rotation: 30", "rotation: .nan", 8, "a finite number is expected"),
        ("rotation: 30", "rotation: 1e400", 8, "a finite number is expected"),
        ("rotation: 30", "rotation: 30, padding: mirror", 8, "padding 'mirror' is unknown"),
        ("{rotation: 30,", "{from: null, rotation: 30,", 8, "augmentation space 'None' is unknown"),
        ("preset: tiny", "preset: [tiny]", 10, "text is expected"),
        ("hidden: 8,", "hidden: 8.5,", 11, "hidden must be a whole number, got 8.5\nthe preset has 32"),
        ("hidden: 8,", "hidden: true,", 11, "hidden must be a whole number, got True"),
        ("hidden: 8,", "hidden: 1000000000,", 11, "hidden must be at most 8192"),
        ("hidden: 8,", "downsample: [2, 3],", 11, "powers of two"),
        ("layers: 2,", "layers: 2, dropout: 1.5,", 12, "dropout must lie in [0, 1), got 1.5"),
        ("layers: 2,", "layers: 0,", 12, "layers must be positive"),
        ("steps: 6, batch: 8}", "steps: six, batch: 8}", 14, "steps must be a whole number, got 'six'"),
        ("steps: 6, batch: 8}", "steps: 6, polyak: 1}", 14, "polyak must lie in [0, 1)"),
        ("steps: 6, batch: 8}", "steps: 6, compile: 1}", 14, "compile must be true or false"),
        ("metrics: [fid,", "metrics: fid} #", 17, "a list is expected"),
        ("budgets: [20]", "budgets: [0]", 3, "greater than or equal to 2"),
        ("budgets: [20]", "budgets: [20, 9000]", 3, "larger than dataset 'digits'"),
        ("budgets: [20]", "budgets: [20, 20]", 3, "stands twice"),
        ("name: phased", "name: phazed", 7, "strategy 'phazed' is unknown\nDid you mean 'phased'?"),
        ("{name: phased, stages", "{name: phased, strength: 1, stages", 7, "Did you mean 'strengths'?"),
        ("{name: phased, stages", "{name: phased, strengths: [2, 0], stages", 7, "refuses its parameters"),
        ("stages: [prior]", "stages: [priors]", 7, "Did you mean 'prior'? Known: codes, prior"),
        ("source: digits", "source: digitz", 2, "Did you mean 'digits'?"),
        ("source: digits", "source: 'folder:nowhere'", 2, "no such folder"),
        ("rotation: 30", "rotatoin: 30", 8, "Did you mean 'rotation'?"),
        ("rotation: 30", "rotation: 300", 8, "outside [0, 180]"),
        ("rotation: 30", "rotation: wide", 8, "degrees"),
        ("rotation: 30", "rotation: yes", 8, "a number is expected"),
        ("shift: 0.15", "shift: 15", 8, "15 % is written 0.15"),
        ("shift: 0.15", "shift: -0.1", 8, "outside [0, 1]"),
        ("{rotation: 30, shift: 0.15, x_flip: 0.5}", "ada_bgc", 8, "Did you mean 'ada-bgc'?"),
        ("{rotation: 30, shift: 0.15, x_flip: 0.5}", "{from: mildd}", 8, "Did you mean 'mild'?"),
        ("name: phased", "name: annealed, shape: square", 7, "linear, cosine"),
        ("name: phased", "name: matched, to: adaptive", 7, "not known before training"),
        ("name: phased", "name: matched, to: phazed", 7, "'phazed' is unknown"),
        ("name: phased", "name: phased, boundaries: [0.5, 0.4, 0.9]", 7, "rising"),
        ("name: phased", "name: conditional, clean: 2", 7, "clean must lie in [0, 1]"),
        ("preset: tiny", "preset: tinny", 10, "Did you mean 'tiny'?"),
        ("hidden: 8,", "hiden: 8,", 11, "hiden"),
        ("steps: 6, batch: 8}", "steps: 0, batch: 8}", 14, "steps must be positive"),
        ("metrics: [fid,", "metrics: [fid, recal,", 17, "Did you mean 'recall'?"),
        ("evaluation: {", "evaluation: {extractor: incepton, ", 17, "Did you mean 'inception'?"),
        ("model:", "baseline: constant\nmodel:", 9, "baseline 'constant' is unknown"),
        ("- none", "- none\n  - none", 7, "give one of them a `label`"),
        ("budgets: [20]", "budgets: [20", 4, "not valid YAML"),
    ],
)
def test_a_mistake_is_explained_where_it_stands(
    tmp_path: Path, suite_text: str, old: str, new: str, line: int, said: str
) -> None:
    assert old in suite_text
    path = tmp_path / "tiny.yaml"
    message = complaint(path, suite_text.replace(old, new, 1))
    assert message.startswith(f"{path}:{line}: "), message
    assert said in message, message


def test_a_baseline_nobody_named_is_not_called_unknown(tmp_path: Path, suite_text: str) -> None:
    message = complaint(
        tmp_path / "a.yaml", suite_text.replace("  - none\n", "  - {name: none, label: plain}\n")
    )
    assert "no strategy is called 'none', and no `baseline` is named" in message
    assert "Known: phased, plain" in message


def test_further_samplings_need_a_score_of_samples(tmp_path: Path, suite_text: str) -> None:
    repeated = suite_text.replace("seeds: [0]", "seeds: [0]\nrepeats: {samplings: 3}")
    metrics = repeated.index("evaluation:")
    path = tmp_path / "a.yaml"
    path.write_text(f"{repeated[:metrics]}evaluation: {{metrics: [leakage]}}\n")
    load_suite(path)
    for named in ("rfid, fid_floor", ""):
        message = complaint(path, f"{repeated[:metrics]}evaluation: {{metrics: [{named}]}}\n")
        assert message.startswith(f"{path}:5: samplings: 3, but"), message


def test_a_missing_key_is_named(tmp_path: Path, suite_text: str) -> None:
    assert "'budgets' is missing" in complaint(tmp_path / "a.yaml", suite_text.replace("budgets: [20]\n", ""))


def test_a_missing_file_and_a_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_suite(tmp_path / "none.yaml")
    assert "mapping" in complaint(tmp_path / "a.yaml", "- 1\n")


def test_yaml_is_1_2(tmp_path: Path, suite_text: str) -> None:
    path = tmp_path / "tiny.yaml"
    text = suite_text.replace("codes: {steps: 6,", "codes: {learning_rate: 1e-4, steps: 6,")
    path.write_text(text.replace("name: digits,", "name: off,"))
    suite = load_suite(path)
    assert suite.settings.training.codes["learning_rate"] == 1e-4
    assert suite.settings.datasets[0].name == "off"


@pytest.mark.parametrize("model", ["", "{}", "{preset: null}", "{prior: {layers: 2}}"])
def test_a_model_without_a_preset_is_the_documented_default(
    tmp_path: Path, suite_text: str, model: str
) -> None:
    start = suite_text[: suite_text.index("model:")]
    path = tmp_path / "a.yaml"
    path.write_text(start + f"model: {model}\n" * bool(model))
    trial = plan_trials(load_suite(path))[0]
    tiny = next(iter(PRESETS.values()))
    assert trial.model.vqvae == tiny["vqvae"]
    assert trial.model.prior.layers == (2 if "layers" in model else tiny["prior"].layers)


def test_a_whole_number_may_be_written_as_a_power_of_ten(tmp_path: Path, suite_text: str) -> None:
    plain, power = tmp_path / "plain.yaml", tmp_path / "power.yaml"
    plain.write_text(suite_text)
    power.write_text(suite_text.replace("[20]", "[2e1]").replace("steps: 6,", "steps: 6.0,"))
    assert [t.id for t in plan_trials(load_suite(plain))] == [t.id for t in plan_trials(load_suite(power))]


def test_a_plugin_that_raises_is_named_with_its_error(tmp_path: Path, suite_text: str) -> None:
    (tmp_path / "mine.py").write_text("raise RuntimeError('not today')\n")
    message = complaint(tmp_path / "a.yaml", suite_text.replace("name: phased", "name: ./mine.py:Mine"))
    assert "'./mine.py:Mine' cannot be loaded\nRuntimeError: not today" in message


def test_trials_are_the_product_and_ids_are_content(suite_file: Path, suite_text: str) -> None:
    suite_file.write_text(suite_text.replace("[20]", "[20, 30]").replace("seeds: [0]", "seeds: [0, 1, 2]"))
    trials = plan_trials(load_suite(suite_file))
    assert len({t.id for t in trials}) == len(trials) == 2 * 2 * 3
    again = plan_trials(load_suite(suite_file))
    assert [t.id for t in trials] == [t.id for t in again]


def ids(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [t.id for t in plan_trials(load_suite(path))]


def test_what_decides_the_outcome_changes_the_id_and_names_do_not(tmp_path: Path, suite_text: str) -> None:
    base = ids(tmp_path / "a.yaml", suite_text)
    assert ids(tmp_path / "b.yaml", suite_text.replace("name: digits", "name: zahlen")) == base
    assert (
        ids(tmp_path / "b.yaml", suite_text.replace("stages: [prior]", "stages: [prior], label: x")) == base
    )
    for old, new in (("steps: 6", "steps: 7"), ("heldout: 40", "heldout: 41"), ("seeds: [0]", "seeds: [1]")):
        assert not set(ids(tmp_path / "b.yaml", suite_text.replace(old, new, 1))) & set(base), (old, new)
    other_space = ids(tmp_path / "b.yaml", suite_text.replace("rotation: 30", "rotation: 20"))
    assert other_space[0] == base[0], "`none` draws nothing: suites with different spaces share it"
    assert other_space[1] != base[1]
    looking = suite_text.replace("metrics: [", "metrics: [leakage, ")
    there, elsewhere = (
        ids(tmp_path / "b.yaml", looking.replace("rotation: 30", f"rotation: {r}")) for r in (30, 20)
    )
    assert there[0] != elsewhere[0], "what leaks depends on what is looked for"


@pytest.mark.parametrize("folder", [".", "{0}"])
def test_a_plugin_file_is_part_of_the_id(tmp_path: Path, suite_text: str, folder: str) -> None:
    code = (
        "from strategies import Strategy\nclass Mine(Strategy):\n"
        "    def strength(self, progress):\n        return {}\n"
    )
    place = folder.format(tmp_path.resolve())
    text = suite_text.replace("name: phased", f"name: {place}/mine.py:Mine")
    (tmp_path / "mine.py").write_text(code.format(0.5))
    one = ids(tmp_path / "a.yaml", text)
    (tmp_path / "mine.py").write_text(code.format(0.6))
    assert ids(tmp_path / "a.yaml", text)[1] != one[1]


def test_validation_images_come_out_of_the_budget(tmp_path: Path, suite_text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        suite_text.replace(
            "  - none\n",
            "  - none\n  - {name: adaptive, validation_share: 0.25}\n"
            "  - {name: none, label: stopped, training: {selection: best_validation}}\n",
        )
    )
    counts = {t.strategy.label: t.validation_images for t in plan_trials(load_suite(path))}
    assert counts == {"none": 0, "adaptive": 5, "stopped": 4, "phased": 0}


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "suites").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_suites_that_come_along_are_valid(path: Path) -> None:
    """With stand-ins for data sets that are not here, so that all of them are checked everywhere."""
    trials, _ = plan_for_cost(load_suite(path))
    assert trials


def test_a_named_space_stands_for_its_numbers_and_single_ones_can_be_changed(
    tmp_path: Path, suite_text: str
) -> None:
    written = "{rotation: 30, shift: 0.15, x_flip: 0.5}"
    assert written in suite_text

    def space(text: str) -> dict[str, float]:
        (tmp_path / "a.yaml").write_text(suite_text.replace(written, text))
        return dict(plan_trials(load_suite(tmp_path / "a.yaml"))[-1].space.ranges)

    assert space("mild") == NAMED_SPACES["mild"].ranges
    changed = space("{from: mild, rotation: 5, hue: 20}")
    assert changed == {**NAMED_SPACES["mild"].ranges} | {"rotation": 5.0, "hue": 20.0}


def test_a_conditional_strategy_gives_the_model_its_inputs_where_it_augments(
    tmp_path: Path, suite_text: str
) -> None:
    def trial(entry: str) -> Trial:
        (tmp_path / "a.yaml").write_text(suite_text.replace("{name: phased, stages: [prior]}", entry))
        return plan_trials(load_suite(tmp_path / "a.yaml"))[-1]

    told = trial("{name: conditional, decoder: true}")
    assert told.model.prior.conditions == len(told.space.parameters) == told.model.vqvae.conditions == 4
    told = trial("{name: conditional, stages: [prior], decoder: true}")
    assert (told.model.prior.conditions, told.model.vqvae.conditions) == (4, 0)
    assert trial("{name: conditional, stages: [codes]}").model.prior.conditions == 0
