"""Nothing listens beyond this machine, reports home or unpickles, and no name leaves its folder."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from one_ray_run import Address, RayRun
from running_bench import bench

ROOT = Path(__file__).parents[3]
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def is_loopback(address: Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


@pytest.mark.xdist_group("ray")
@pytest.mark.skipif(
    sys.byteorder != "little", reason="reads /proc/net/tcp as little-endian machines write it"
)
def test_under_ray_nothing_listens_beyond_the_loopback_and_nothing_reports_home(ray_run: RayRun) -> None:
    assert len(ray_run.listening) >= 4  # of Ray's servers
    assert all(map(is_loopback, ray_run.listening)), ray_run.listening
    assert any(b"RAY_USAGE_STATS_ENABLED=0" in environment for environment in ray_run.environments)
    assert not any(b"RAY_USAGE_STATS_ENABLED=1" in environment for environment in ray_run.environments)


def test_no_code_unpickles_or_evaluates_anything() -> None:
    for path in (
        path for package in ("benchmark", "pcvq2", "strategies") for path in (ROOT / package).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & UNSAFE_MODULES, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in UNSAFE_MODULES, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert called not in {"eval", "exec", "yaml.load"}, f"{path}: {called}"
                # published networks are pickles; this loader builds tensors and refuses everything else
                assert called != "torch.load" or keywords.get("weights_only") == "True", path
                assert keywords.get("allow_pickle", "False") == "False", path


def test_names_in_a_suite_do_not_leave_the_folder_of_runs(suite_file: Path) -> None:
    text = suite_file.read_text().replace("name: digits,", "name: '../../evil',")
    suite_file.write_text(text.replace("{name: phased,", "{name: phased, label: '../../../evil',"))
    before = {path for path in suite_file.parent.parent.rglob("*") if path.is_file()}
    for command in (["run", suite_file, "--local"], ["report", suite_file.stem]):
        done = bench(*command, cwd=suite_file.parent)
        assert done.returncode == 0, done.stderr
    written = {path for path in suite_file.parent.parent.rglob("*") if path.is_file()} - before
    assert written
    own = (suite_file.parent / "runs", suite_file.parent / "reports")
    assert all(any(folder in path.parents for folder in own) for path in written), written
