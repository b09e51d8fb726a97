"""Shared pieces of the tests: one thread, and suites small enough to train in a second."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: two workers share two cores

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sawtooth
from one_ray_run import RayRun, run_under_ray
from running_bench import bench, signals_as_before

hypothesis.settings.register_profile("any_machine", deadline=None)  # a busy one is no failure
hypothesis.settings.load_profile("any_machine")

SUITE = """\
datasets:
  - {name: digits, source: digits, size: 16, heldout: 40}
budgets: [20]
seeds: [0]
strategies:
  - none
  - {name: phased, stages: [prior]}
augmentation_space: {rotation: 30, shift: 0.15, x_flip: 0.5}
model:
  preset: tiny
  vqvae: {hidden: 8, residual_hidden: 4, codes: 8, code_dim: 4}
  prior: {channels: 8, layers: 2, context_layers: 1}
training:
  codes: {steps: 6, batch: 8}
  prior: {steps: 6, batch: 8, evaluations: 2, observations: 3}
# without leakage, whose probes take seconds
evaluation: {metrics: [fid, kid, precision, recall, density, coverage, rfid, nearest_training_ratio]}
"""


@pytest.fixture(scope="session")
def suite_text() -> str:
    """A whole suite of two trials that train in a second."""
    return SUITE


@pytest.fixture
def suite_file(tmp_path: Path, suite_text: str) -> Path:
    """The suite on disk."""
    path = tmp_path / "tiny.yaml"
    path.write_text(suite_text)
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, suite_text: str) -> Path:
    """The suite, run: tiny.yaml and runs/ in a folder that is read, and copied by who writes."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(suite_text)
    ended = bench("run", "tiny.yaml", "--local", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture(scope="session")
def package_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment in which the package of sawtooth.py is installed."""
    files = {"pyproject.toml": sawtooth.PROJECT, "bench_sawtooth.py": sawtooth.SOURCE}
    return sawtooth.install(tmp_path_factory.mktemp("package"), files)


@pytest.fixture(scope="session")
def ray_run(tmp_path_factory: pytest.TempPathFactory, suite_text: str, package_python: Path) -> RayRun:
    """A run under Ray of sound and of failing strategies; tests that ask for it share a group of xdist's."""
    return run_under_ray(tmp_path_factory.mktemp("ray"), suite_text, package_python)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    with signals_as_before():
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
