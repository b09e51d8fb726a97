"""README does what it says: its files and commands are taken from it and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def file_named(name: str) -> str:
    """Return the block whose first line names the file."""
    (block,) = [text for _, text in BLOCKS if text.startswith(f"# {name}\n")]
    return block


def environment() -> dict[str, str]:
    """Put `bench` on the path, as an activated environment does."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def test_a_strategy_of_ones_own_as_the_readme_shows_it(tmp_path: Path) -> None:
    for name in ("question.yaml", "cosine.py"):
        (tmp_path / name).write_text(file_named(name))
    (commands,) = [text for language, text in BLOCKS if language == "sh"]
    for command in commands.splitlines():
        done = subprocess.run(
            command.split(), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    table = (tmp_path / "reports" / "question" / "table.csv").read_text()
    assert "cosine" in table
    assert "cosine" in (tmp_path / "reports" / "question" / "README.md").read_text()


def test_the_strategy_is_about_ten_lines() -> None:
    assert len(file_named("cosine.py").splitlines()) <= 12


def test_the_library_quickstart_runs_as_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", file_named("quickstart.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bottom" in done.stdout
