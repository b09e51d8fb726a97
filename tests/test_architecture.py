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


LENT = {  # to a room, or to a file
    "ray": "benchmark/running/cluster/",
    "optuna": "benchmark/tuning/sampler.py",
}


@pytest.mark.parametrize("library", LENT)
def test_only_the_engine_imports_ray_and_only_the_sampler_optuna_inside_functions(library: str) -> None:
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            for name, inside in imports(path):
                if name == library:
                    assert path.relative_to(ROOT).as_posix().startswith(LENT[library]), path
                    assert inside, f"{path}: {library} must be imported where it is needed"


# Rooms, the ground first: a file imports its own room and what lies below; never what lies above.
FLOORS = (
    (
        "benchmark.errors",
        "benchmark.naming",
        "benchmark.screen",
        "benchmark.cores",
        "benchmark.pulse",
        "benchmark.fonts",
        "benchmark.own",
    ),
    ("benchmark.store", "benchmark.data", "benchmark.metrics", "benchmark.families"),
    ("benchmark.tasks",),
    ("benchmark.planning", "benchmark.report", "benchmark.selftest"),
    ("benchmark.tuning", "benchmark.trial"),
    ("benchmark.cost",),
    ("benchmark.running",),
    ("benchmark.commands", "benchmark.notebook"),
    ("benchmark.cli",),
)
REPORT_FLOORS = tuple(
    tuple(f"benchmark.report.{room}" for room in floor)
    for floor in (
        ("reading",),
        ("comparing",),
        ("words",),
        ("figures", "latex", "calibration"),
        ("page",),
        ("writing", "two_runs"),
        ("terminal", "inline"),
    )
)
LONGEST_CHAIN_OF_REPORT = 11
LONGEST_CHAIN = 13  # files, the last one imports nothing of ours


def modules() -> dict[str, Path]:
    """Return every module of the three packages and its file."""
    found = {}
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(module: str, known: dict[str, Path]) -> set[str]:
    """Return the modules of ours that a file imports, inside functions too, but for types alone."""
    tree = ast.parse(known[module].read_text())
    types_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in types_only:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in names}
    return (found & set(known)) - {module}


def floor_of(module: str, floors: tuple[tuple[str, ...], ...] = FLOORS) -> int | None:
    """Return the number of a module's floor; None outside the harness."""
    rooms = [i for i, floor in enumerate(floors) for room in floor if f"{module}.".startswith(f"{room}.")]
    return rooms[0] if rooms else None


def test_no_arrow_between_rooms_points_up() -> None:
    known = modules()
    for module in known:
        own = floor_of(module)
        for other in imported(module, known):
            above = floor_of(other)
            if own is not None and above is not None:
                assert above <= own, f"{module} imports {other}, which lies above it"


def test_no_arrow_between_rooms_of_the_report_points_up() -> None:
    known = {name: path for name, path in modules().items() if name.startswith("benchmark.report.")}
    for module in known:
        own = floor_of(module, REPORT_FLOORS)
        assert own is not None, f"{module} has no floor"
        for other in imported(module, known):
            above = floor_of(other, REPORT_FLOORS)
            assert above is not None
            assert above <= own, f"{module} imports {other}, which lies above it"


def test_sections_of_the_report_do_not_import_each_other() -> None:
    known = modules()
    words = "benchmark.report.words."
    sections = {m for m in imported(f"{words}sections", known) if m.startswith(words)} - {f"{words}section"}
    assert len(sections) > 8
    for module in sections:
        assert not imported(module, known) & sections, module


def test_every_module_of_the_harness_has_a_floor() -> None:
    assert [m for m in modules() if m.startswith("benchmark.") and floor_of(m) is None] == []


def test_rooms_of_one_floor_do_not_import_each_other_both_ways() -> None:
    known, arrows = modules(), set()
    for module in known:
        for other in imported(module, known):
            rooms = tuple(".".join(name.split(".")[:2]) for name in (module, other))
            if rooms[0] != rooms[1] and floor_of(module) == floor_of(other) is not None:
                arrows.add(rooms)
    assert not {(one, other) for one, other in arrows if (other, one) in arrows}


def test_imports_make_no_circle_and_no_long_chain() -> None:
    longest = longest_chain(modules())
    assert len(longest) <= LONGEST_CHAIN, " > ".join(longest)


def test_imports_inside_the_report_make_no_long_chain() -> None:
    report = {name: path for name, path in modules().items() if name.startswith("benchmark.report")}
    longest = longest_chain(report)
    assert len(longest) <= LONGEST_CHAIN_OF_REPORT, " > ".join(longest)


def longest_chain(known: dict[str, Path]) -> list[str]:
    """Return the longest chain of imports among some modules; a circle fails."""
    graph = {module: imported(module, known) for module in known}
    chains: dict[str, list[str]] = {}

    def chain(module: str, above: tuple[str, ...] = ()) -> list[str]:
        assert module not in above, f"a circle: {' > '.join((*above, module))}"
        if module not in chains:
            below = [chain(other, (*above, module)) for other in graph[module]]
            chains[module] = [module, *max(below, key=len, default=[])]
        return chains[module]

    return max((chain(module) for module in graph), key=len)


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
