"""A strategy from somebody else's package: built, installed, listed, checked and run like a built-in one."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from running_bench import bench, bench_alone
from sawtooth import SOURCE

pytestmark = pytest.mark.xdist_group("ray")  # shares the package's environment with the run under Ray


def call(python: Path, *arguments: object, cwd: Path) -> str:
    done = subprocess.run(
        [python, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_listed_with_its_package(package_python: Path, tmp_path: Path) -> None:
    listed = " ".join(call(package_python, "-m", "benchmark.cli", "list", "strategies", cwd=tmp_path).split())
    assert "sawtooth" in listed
    assert "teeth=3" in listed
    assert "built in" in listed
    assert "sawtooth" not in " ".join(bench("list", "strategies", cwd=tmp_path).stdout.split())
    code = "from strategies.contract.registry import *; print(origin_of(find_strategy('sawtooth')))"
    assert call(package_python, "-c", code, cwd=tmp_path).strip() == "bench-sawtooth 1.2"


def test_the_battery_that_comes_with_the_harness_finds_and_checks_it(
    package_python: Path, tmp_path: Path
) -> None:
    said = call(
        package_python,
        *("-m", "pytest", "-p", "no:cacheprovider", "-v", "--pyargs", "strategies.battery"),
        *("-k", "sawtooth or phased"),
        cwd=tmp_path,
    )
    assert "test_strategy[sawtooth] PASSED" in said
    assert "test_strategy[phased] PASSED" in said


def test_a_new_strategy_passes_the_test_that_comes_with_it(tmp_path: Path) -> None:
    said = bench("new", "strategy", "slow_start", "--into", "mine", cwd=tmp_path)
    assert "./slow_start.py:SlowStart" in said.stdout
    call(Path(sys.executable), "-m", "pytest", "-q", "mine/test_slow_start.py", cwd=tmp_path)
    source = (tmp_path / "mine" / "slow_start.py").read_text()
    (tmp_path / "mine" / "slow_start.py").write_text(source.replace("0.5 * (1 +", "(1 +"))
    broken = [sys.executable, "-m", "pytest", "-q", "mine/test_slow_start.py"]
    done = subprocess.run(broken, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "strength lies in [0, 1]" in done.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("phased", "strategy 'phased' exists already"),
        ("Slow-Start", "'Slow-Start' cannot name a strategy"),
        ("class", "'class' cannot name a strategy"),
        ("taken", "taken.py exists already"),
    ],
)
def test_a_new_strategy_overwrites_nothing(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "taken.py").write_text("mine")
    done = bench("new", "strategy", name, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["taken.py"]
    assert (tmp_path / "taken.py").read_text() == "mine"


def test_a_broken_view_is_refused_before_any_training(tmp_path: Path, suite_text: str) -> None:
    (tmp_path / "mine.py").write_text(
        textwrap.dedent("""
        from strategies import Strategy, View
        class Mine(Strategy):
            def strength(self, progress): return 0.5
            def augment(self, images, context): return View(images.mul_(0.5))
        """)
    )
    (tmp_path / "tiny.yaml").write_text(suite_text.replace("name: phased", "name: ./mine.py:Mine"))
    done = bench("run", "tiny.yaml", "--local", cwd=tmp_path)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("error: tiny.yaml:7: strategy 'Mine' cannot augment a batch")
    assert "breaks the rule: augment leaves its input untouched" in second
    assert not (tmp_path / "runs").exists()


KEY = "import json; from strategies.contract.registry import *; print(json.dumps(code_of('sawtooth').key))"


def test_its_version_and_its_source_are_part_of_its_key(package_python: Path, tmp_path: Path) -> None:
    def key() -> dict[str, str]:
        return dict(json.loads(call(package_python, "-c", KEY, cwd=tmp_path)))

    (module,) = (package_python.parents[1] / "lib").glob("python*/site-packages/bench_sawtooth.py")
    (about,) = module.parent.glob("bench_sawtooth-*.dist-info/METADATA")
    kept = {path: path.read_text() for path in (module, about)}
    before = key()
    assert before["package"] == "bench-sawtooth 1.2"
    try:
        module.write_text(
            SOURCE.replace("1 - progress", "1 - 0.5 * progress")
        )  # as an editable install changes
        edited = key()
        module.write_text(SOURCE)
        about.write_text(kept[about].replace("Version: 1.2", "Version: 1.3"))
        risen = key()
    finally:
        for path, text in kept.items():
            path.write_text(text)
    assert len({json.dumps(k, sort_keys=True) for k in (before, edited, risen)}) == 3
    assert edited["package"] == before["package"]
    assert risen["source_hash"] == before["source_hash"]
    assert key() == before


def test_a_package_that_cannot_be_loaded_is_named_and_stops_nothing_else(
    package_python: Path, tmp_path: Path, suite_text: str
) -> None:
    (module,) = (package_python.parents[1] / "lib").glob("python*/site-packages/bench_sawtooth.py")
    kept = module.read_text()
    module.write_text("import nothing_of_that_name\n")
    try:
        listed = " ".join(
            call(package_python, "-m", "benchmark.cli", "list", "strategies", cwd=tmp_path).split()
        )
        (tmp_path / "tiny.yaml").write_text(suite_text)
        call(package_python, "-m", "benchmark.cli", "run", "tiny.yaml", "--dry-run", cwd=tmp_path)
        (tmp_path / "tiny.yaml").write_text(suite_text.replace("name: phased", "name: sawtooth"))
        done = bench_alone("run", "tiny.yaml", "--local", cwd=tmp_path, python=package_python)
    finally:
        module.write_text(kept)
    assert "sawtooth cannot be loaded: -" in listed
    first, second = done.stderr.splitlines()
    assert first == "error: tiny.yaml:7: strategy 'sawtooth' cannot be loaded"
    assert "bench-sawtooth 1.2: ModuleNotFoundError" in second
    assert done.returncode == 2
