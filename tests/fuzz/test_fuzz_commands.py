"""Whatever is typed: an exit code of 0, 1, 2 or 130 and words, never a traceback."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from benchmark import cli

pytestmark = pytest.mark.slow
WORDS = [
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "~",
        "~nobody/x",
        "-",
        "--",
        "-1",
        "0",
        "1e9",
        "nan",
        "inf",
        "9" * 30,
        "x" * 300,
    ),
    *(
        "日本",
        "[bold]x[/bold]",
        ":tv:",
        "a,b",
        "a=b",
        "strategy=none",
        "budget=100",
        "=",
        "a\nb",
        "\t",
        "\udcff",
    ),
    *("none", "digits", "runs", "random", "missing.yaml", "good.yaml", "odd.yaml", "folder", "folder:folder"),
    *(
        "zip:odd.yaml",
        "npz:odd.yaml",
        "npz:.",
        "hf:",
        "packed:.",
        "folder:~nobody",
        "x.py:Y",
        "odd.yaml:Y",
        "host:1",
    ),
    *("good.png", "nowhere/deep", "odd.yaml/x", "--help", "--size", "--runs"),
]
# a command and what is always asked for: no download, no training, and nothing that takes minutes
COMMANDS = [
    *(["run", "missing.yaml"], ["run", "odd.yaml"], ["run", "--dry-run"], ["run", "good.yaml", "--dry-run"]),
    *(
        ["run", "good.yaml", "--dry-run", "--only"],
        ["run", "odd.yaml", "--keep"],
        ["run", "odd.yaml", "--address"],
    ),
    *(
        ["tune", "good.yaml", "--strategy", "none"],
        ["tune", "odd.yaml", "--strategy"],
        ["preview", "odd.yaml"],
    ),
    *(
        ["report"],
        ["report", "x", "y"],
        ["power"],
        ["sample"],
        ["sample", "x", "-n"],
        ["eval", "folder"],
        ["eval"],
    ),
    *(
        ["selftest", "--dataset", "folder"],
        ["doctor"],
        ["new"],
        ["new", "strategy"],
        ["list"],
        ["list", "runs"],
    ),
    *(
        ["data", "list"],
        ["data", "check"],
        ["data", "show"],
        ["data", "show", "folder", "--size"],
        ["data"],
        [],
    ),
    *(
        ["data", "check", "folder", "--heldout"],
        ["data", "prepare", "folder", "--size"],
        ["data", "prepare", "ffhq"],
    ),
    ["data", "prepare", "folder", "--output"],
]
GOOD = """\
datasets: [{name: digits, source: digits, heldout: 40}]
budgets: [20]
seeds: [0]
strategies: [none]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound suite, one that is none, and a few images."""
    from PIL import Image

    root = tmp_path_factory.mktemp("typed")
    (root / "good.yaml").write_text(GOOD)
    (root / "odd.yaml").write_text("datasets: [\n")
    (root / "folder").mkdir()
    for i in range(14):
        Image.new("L", (8, 8), i).save(root / "folder" / f"{i}.png")
    return root


@cases(0.16)
@given(command=st.sampled_from(COMMANDS), more=st.lists(st.sampled_from(WORDS), max_size=3))
def test_a_command_ends_in_words(place: Path, command: list[str], more: list[str]) -> None:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("BENCH_DATA", str(place / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr(sys, "argv", ["bench", *command, *more])
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = ended()
    assert code in (0, 1, 2, 130), code
    assert "Traceback" not in said.getvalue()


def ended() -> int | str | None:
    """Run the command and return its exit code; any other exception is a traceback."""
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0
    return 0
