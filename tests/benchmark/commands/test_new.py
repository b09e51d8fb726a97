"""`bench new KIND NAME`: what it writes works as written, for every kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli import main
from benchmark.commands.templates import TEMPLATES


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.parametrize("kind", TEMPLATES)
def test_it_passes_its_own_test(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(monkeypatch, "new", kind, "my_thing", "--into", str(tmp_path / "mine")) == 0
    called = "my_thing" if kind == "source" else "MyThing"
    assert f"./my_thing.py:{called}" in capsys.readouterr().out
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "mine/test_my_thing.py"]
    done = subprocess.run(test, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert bench(monkeypatch, "new", kind, "my_thing", "--into", str(tmp_path / "mine")) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("metric", "fid", "metric 'fid' exists already"),
        ("metric", "wall_seconds", "a key that records have already"),
        ("extractor", "pixels", "extractor 'pixels' exists already"),
        ("source", "digits", "source 'digits' exists already"),
        ("family", "marginals", "family 'marginals' exists already"),
        ("family", "Big", "'Big' cannot name a family"),
        ("metrik", "x", "Did you mean 'metric'?"),
    ],
)
def test_names_that_will_not_do_are_said_in_two_lines(
    tmp_path: Path,
    kind: str,
    name: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench(monkeypatch, "new", kind, name, "--into", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("metrics", ["fid", "leakage"]),
        ("extractors", ["random", "dinov2"]),
        ("sources", ["digits", "folder:PATH", "hf:NAME"]),
        ("families", ["pc-vq2", "marginals"]),
    ],
)
def test_every_kind_is_listed(
    what: str, names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert bench(monkeypatch, "list", what) == 0
    said = capsys.readouterr().out
    for name in names:
        assert name in said


def test_what_is_installed_is_listed_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "bench_mine-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-mine\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[bench.metrics]\ngrey = bench_mine_code:Grey\nbroken = nothing_like_it:Grey\n"
        "[bench.sources]\ngrey_squares = bench_mine_code:load\n"
        "[bench.extractors]\ngrey_means = bench_mine_code:Means\n"
    )
    (tmp_path / "bench_mine_code.py").write_text(
        "import numpy as np\n"
        "class Grey:\n    'The mean grey value.'\n    def score(self, sets): return sets.generated.mean()\n"
        "class Means:\n    'Means.'\n    def __call__(self, images): return images.mean(axis=(1, 3))\n"
        "def load():\n    'Noise.'\n"
        "    return np.random.default_rng(0).integers(0, 256, (200, 16, 16), dtype=np.uint8)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    for what, said in {
        "metrics": ["The mean grey value.", "bench-mine 1.2", "cannot be loaded: ModuleNotFoundError"],
        "sources": ["grey_squares", "Noise.", "bench-mine 1.2"],
        "extractors": ["grey_means", "Means."],
    }.items():
        assert bench(monkeypatch, "list", what) == 0
        shown = capsys.readouterr().out
        assert all(text in shown for text in said), shown
    assert bench(monkeypatch, "data", "check", "grey_squares") == 0
    assert "160 to train on, 40 held out" in capsys.readouterr().out

    from benchmark.metrics.extractors import load_extractor
    from benchmark.metrics.own_metric import find_metric

    assert find_metric("grey").key["package"] == "bench-mine 1.2"
    assert load_extractor("grey_means", channels=1).name == "grey_means"
