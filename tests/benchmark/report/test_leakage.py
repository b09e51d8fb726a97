"""Leakage and kept views in a report: drawn where the records have them, named where they do not."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from benchmark.data.shape_reading import impossible_shares, read_figures
from benchmark.data.shapes import draw_figures, paint
from benchmark.report import write_report
from benchmark.report.comparing.comparison import compare
from benchmark.report.figures.crosstalk import crosstalk_figure
from benchmark.report.figures.leakage import leakage_figure, leaking_operations
from benchmark.report.figures.views import load_views, seen_views
from benchmark.report.reading.loading import load_records
from benchmark.report.reading.score_titles import SCORES
from benchmark.report.reading.scores import plugin_keys
from benchmark.report.words.leakage import leak_lines

LEAK = {"none": 0.1, "constant": 0.9}


def suite_of(root: Path, leaks: dict[str, Any]) -> Path:
    """Write two strategies x three seeds; `leaks` are keys of every record, functions of its strategy."""
    (root / "records").mkdir(parents=True)
    planned = []
    for strategy, leak in LEAK.items():
        for seed in range(3):
            key = {
                "id": f"{strategy}{seed}",
                "dataset": "digits",
                "budget": 60,
                "strategy": strategy,
                "seed": seed,
            }
            record = key | {"schema_version": 1, "status": "done", "bpd_heldout": 3.0 + leak + seed}
            record |= {"extractor": "random", "extractor_fingerprint": "e1", "samples": 50}
            record |= {name: value(leak + 0.01 * seed) for name, value in leaks.items()}
            (root / "records" / f"{record['id']}.json").write_text(json.dumps(record))
            planned.append(key)
    manifest = {"suite": "leaky", "source": "s.yaml", "baseline": "none", "command": "x", "trials": planned}
    path = root / "suites" / "leaky.json"
    path.parent.mkdir()
    path.write_text(json.dumps(manifest))
    return path


LEAKS: dict[str, Any] = {
    "leak_x_flip": lambda leak: leak,
    "leak_x_flip_low": lambda leak: leak - 0.1,
    "leak_x_flip_high": lambda leak: leak + 0.1,
    "leak_hue": lambda leak: None,
    "leak_hue_null_reason": lambda leak: "they look alike",
    "leak_operations": lambda leak: ["x_flip", "hue"],
    "leak_crosstalk": lambda leak: [[0.95, None], [0.25, None]],
}


def test_bars_are_the_means_over_seeds(tmp_path: Path) -> None:
    comparison = compare(load_records(suite_of(tmp_path, LEAKS), tmp_path))
    assert leaking_operations(comparison.suite, "digits") == ["x_flip"]
    figure = leakage_figure(comparison, "digits")
    assert figure is not None
    (axis,) = figure.axes
    bars = [patch.get_height() for patch in axis.patches if isinstance(patch, Rectangle)]
    assert bars == pytest.approx([0.11, 0.91])


def test_the_crosstalk_of_the_probes_is_published(tmp_path: Path) -> None:
    figure = crosstalk_figure(compare(load_records(suite_of(tmp_path, LEAKS), tmp_path)), "digits")
    assert figure is not None
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["0.95", "–", "0.25", "–"]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["x_flip", "hue"]


def test_probes_that_tell_nothing_apart_have_no_matrix(tmp_path: Path) -> None:
    blind = LEAKS | {"leak_crosstalk": lambda leak: [[None, None], [None, None]]}
    assert crosstalk_figure(compare(load_records(suite_of(tmp_path, blind), tmp_path)), "digits") is None


def test_without_leakage_there_is_no_figure_but_a_note(tmp_path: Path) -> None:
    manifest = suite_of(tmp_path, {})
    assert leakage_figure(compare(load_records(manifest, tmp_path)), "digits") is None
    summary = write_report(manifest, tmp_path, tmp_path / "out")
    assert "No leakage of digits" in summary.readme.read_text()
    assert not (tmp_path / "out" / "figures" / "digits-leakage.png").exists()


def store_views(root: Path, trial: str, content: bytes | None = None) -> None:
    folder = root / "artifacts" / trial
    folder.mkdir(parents=True)
    buffer = io.BytesIO()
    images = np.arange(5 * 3 * 8 * 8, dtype=np.uint8).reshape(5, 3, 8, 8, 1)
    np.savez_compressed(
        buffer, views=images, clean=images, progress=np.linspace(0, 1, 5), stage=np.array("prior")
    )
    (folder / "views.npz").write_bytes(buffer.getvalue() if content is None else content)


def test_the_report_shows_what_the_models_saw(tmp_path: Path) -> None:
    manifest = suite_of(tmp_path, LEAKS)
    store_views(tmp_path, "constant1")
    budget, seed, seen = seen_views(compare(load_records(manifest, tmp_path)), tmp_path, "digits")
    assert (budget, seed, list(seen)) == (60, 1, ["constant"])
    text = write_report(manifest, tmp_path, tmp_path / "out").readme.read_text()
    for name in ("digits-views.png", "digits-leakage.png", "digits-crosstalk.png"):
        assert f"figures/{name}" in text
        assert (tmp_path / "out" / "figures" / name).is_file()


@pytest.mark.parametrize("content", [b"", b"PK not a zip"])
def test_damaged_views_are_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    store_views(tmp_path, "x", content)
    assert load_views(tmp_path, "x") is None


def test_samples_the_truth_never_draws_are_counted_in_a_table_of_their_own(tmp_path: Path) -> None:
    truth: dict[str, Any] = {"impossible_flip": lambda leak: leak / 2, "impossible_figure": lambda leak: 0.25}
    comparison = compare(load_records(suite_of(tmp_path, truth), tmp_path))
    text = "\n".join(leak_lines(comparison))
    assert "true distribution never draws" in text
    header = next(line for line in text.splitlines() if line.startswith("|") and "mirrored" in line)
    assert header.index("no figure at all") < header.index("mirrored")
    assert "0.25" in text
    assert "how much of each operation" not in text
    assert not {"impossible_flip", "impossible_figure"} & set(plugin_keys(comparison.metrics))
    recorded = impossible_shares(read_figures(paint(draw_figures(4, seed=0), size=32)))
    assert {f"impossible_{name}" for name in recorded} == {k for k in SCORES if k.startswith("impossible_")}
