"""The walls between the rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "benchmark": {"benchmark", "pcvq2", "strategies"},
    "pcvq2": {"pcvq2"},
    "strategies": {"strategies"},
}


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return (top-level package, inside a function) of every import in a file."""
    tree = ast.parse(path.read_text())
    nested = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        found += [(name.partition(".")[0], id(node) in nested) for name in names]
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_arrows_point_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        used = {name for name, _ in imports(path)} & set(ALLOWED)
        assert used <= ALLOWED[package], f"{path} imports {used - ALLOWED[package]}"


LENT = {"ray": {"fanout.py"}, "optuna": {"sampler.py"}}


@pytest.mark.parametrize("library", LENT)
def test_only_the_engine_imports_ray_and_only_the_sampler_optuna_inside_functions(library: str) -> None:
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            for name, inside in imports(path):
                if name == library:
                    assert path.parent == ROOT / "benchmark", path
                    assert path.name in LENT[library], path
                    assert inside, f"{path}: {library} must be imported where it is needed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "strategies"],
        ["list", "metrics"],
        ["report", "no-such-suite"],
        ["run", "missing.yaml"],
        ["tune", "missing.yaml", "--strategy", "phased"],
    ],
)
def test_quick_commands_load_neither_torch_nor_ray(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from benchmark.cli import main\n"
        f"sys.argv = ['bench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = sorted({'torch', 'ray', 'kornia', 'optuna'} & set(sys.modules))\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
