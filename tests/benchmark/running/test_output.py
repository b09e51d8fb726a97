"""Output survives any name: brackets, emoji codes, blanks, unicode, an ascii terminal, a closed pipe."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from made_records import write_suite
from matplotlib import font_manager
from running_bench import bench

from benchmark.errors import UserError
from benchmark.fonts import families_for, glyphs_remark
from benchmark.naming import file_stems
from benchmark.planning.only import only
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.report import write_report
from benchmark.report.figures.style import styled

ROOT = Path(__file__).parents[3]
LABELS = ["[v2] bold[/bold]", "tv :tv: a,b=c", "猫 é ☃", "-x [red]"]


# several commands in one process, which imports torch once; a line of its own ends what each has said
COMMANDS = """
import json, sys
from benchmark.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["bench", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    print("<end>")
"""


def test_consoles_are_made_in_one_place_only_and_nobody_asks_for_markup() -> None:
    for path in (ROOT / "benchmark").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            assert called.rpartition(".")[2] != "Console" or path.name == "screen.py", path
            assert called not in {"Text.from_markup", "escape", "rich.print"}, path
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert words.get("markup", "False") == "False", path
            assert words.get("emoji", "False") == "False", path


def named_suite(suite: Path) -> Path:
    entries = "".join(
        f"  - {{name: constant, strength: 0.{index}, stages: [prior], label: {quoted(label)}}}\n"
        for index, label in enumerate(LABELS, 1)
    )
    text = suite.read_text().replace("  - {name: phased, stages: [prior]}\n", entries)
    text = text.replace("name: digits,", f"name: {quoted('[x] :tv: 犬/../digits')},")
    suite.write_text(text)
    return suite


def quoted(text: str) -> str:
    return f'"{text}"' if "\\" in text else f"'{text}'"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_every_name_is_printed_as_it_is_whatever_the_terminal(suite_file: Path, encoding: str) -> None:
    named_suite(suite_file)
    cwd = suite_file.parent
    environment = {"PYTHONIOENCODING": encoding, "LANG": "C", "PYTHONUTF8": "0"}
    shown = list(LABELS)
    if encoding == "ascii":
        shown = [name.encode("ascii", "backslashreplace").decode() for name in shown]
    commands = [
        ["run", "tiny.yaml", "--dry-run"],
        ["run", "tiny.yaml", "--local"],
        ["report", "tiny"],
        ["preview", "tiny.yaml"],
        ["list", "runs"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    parts = done.stdout.decode(encoding).split("<end>\n")
    assert len(parts) == len(commands) + 1
    for part in parts[:2]:
        said = " ".join(part.split())
        assert all(name in said for name in shown), said
        assert "[x] :tv: " in said
    written = [path.relative_to(cwd).as_posix() for path in cwd.rglob("*") if path.is_file()]
    assert all(path.isascii() for path in written)
    assert {path.partition("/")[0] for path in written} == {"runs", "reports", "preview", "tiny.yaml"}
    assert [path for path in written if path.startswith("preview/tiny/x-tv-..-digits-views")]


def test_a_closed_pipe_is_no_error_worth_a_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m benchmark.cli list strategies | true"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    command = f"{sys.executable} -m benchmark.cli list operations | head -c 1"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("character", ["\\n", "\\r", "\\t", "\\e[2J", "\\uDCE9", "\\u2028", "\\0"])
def test_a_label_that_cannot_be_printed_is_refused_with_its_place(suite_file: Path, character: str) -> None:
    suite_file.write_text(
        suite_file.read_text().replace("name: phased,", f'name: phased, label: "a{character}b",')
    )
    done = bench("run", suite_file, "--dry-run", cwd=suite_file.parent)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2, done.stderr
    assert "tiny.yaml:7: " in done.stderr, done.stderr
    assert "'a\\" in done.stderr, done.stderr
    assert "cannot be printed" in done.stderr
    assert done.stderr.isascii()


def test_only_takes_labels_as_they_are(suite_file: Path) -> None:
    trials = plan_trials(load_suite(named_suite(suite_file)))
    for trial in trials:
        label = trial.strategy.label
        for wanted in ([f"strategy={label}"], [f"budget=20,strategy={label},seed=0"]):
            assert [found.strategy.label for found in only(trials, wanted)] == [label]
    two = only(trials, ["strategy=none", f"strategy={LABELS[1]}"])
    assert {trial.strategy.label for trial in two} == {"none", LABELS[1]}
    assert only(trials, [f"dataset={trials[0].dataset.name},strategy=none"])
    with pytest.raises(UserError, match="strategy 'tv :tv: a' is unknown"):
        only(trials, ["strategy=tv :tv: a,b"])


def test_file_names_made_of_names_are_safe_and_distinct() -> None:
    names = [
        "../../etc/passwd",
        "a b",
        "a_b",
        "a-b",
        "A-B",
        "猫",
        "犬",
        "",
        ".",
        "..",
        "x" * 400,
        "x" * 401,
        "a\nb",
        "\udce9",
    ]
    stems = file_stems(names)
    assert list(stems) == names
    assert len({stem.casefold() for stem in stems.values()}) == len(names)
    assert all(stem.isascii() and "/" not in stem and not stem.startswith(".") for stem in stems.values())
    assert max(map(len, stems.values())) < 110


def cat_font(folder: Path) -> Path:
    """Write a font that has one character, 猫, as a black square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 900), (900, 900), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord("猫"): "cat"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "cat": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "cat": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Cats Only", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(folder / "cats.ttf")
    return folder / "cats.ttf"


def test_a_font_that_has_the_characters_is_used_and_missing_ones_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [f for f in font_manager.fontManager.ttflist if f.name.startswith(("DejaVu", "STIX", "cm"))]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", known)
    assert families_for(["phased", "é ∞"]) == (["DejaVu Sans"], "")
    assert glyphs_remark(["phased"]) is None
    with styled(["猫犬"]):
        pass
    assert capsys.readouterr().err.startswith("no font here has 犬猫: boxes in the figures; install one")
    font_manager.fontManager.addfont(cat_font(tmp_path))
    assert families_for(["猫犬"]) == (["DejaVu Sans", "Cats Only"], "犬")
    with styled(["猫"]):
        figure = plt.figure(figsize=(1, 1), dpi=100)
        figure.text(0.1, 0.1, "猫", fontsize=40)
        figure.canvas.draw()
        dark = (np.asarray(figure.canvas.buffer_rgba())[..., 0] < 50).mean()  # type: ignore[attr-defined]
    assert dark > 0.15  # the square; a box is hollow
    assert capsys.readouterr().err == ""


def test_a_report_names_the_characters_that_its_figures_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [f for f in font_manager.fontManager.ttflist if f.name.startswith(("DejaVu", "STIX", "cm"))]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", known)
    manifest = write_suite(tmp_path / "runs", strategies=("none", "猫"))
    report = write_report(manifest, tmp_path / "runs", tmp_path / "out")
    assert "No font here has 猫: boxes in the figures" in report.readme.read_text()
    assert capsys.readouterr().err.count("猫") == 1
