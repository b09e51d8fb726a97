"""`bench eval` scores any two folders, and says in two lines what it cannot compare."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from benchmark import cli
from benchmark.commands.evaluate import Places, evaluate, score_table
from benchmark.errors import UserError
from benchmark.metrics.names import METRICS

DIGITS = (load_digits().images * 15).astype(np.uint8).repeat(2, 1).repeat(2, 2)  # (1797, 16, 16)


def put(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:04}.png")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", "eval", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_two_folders_are_scored_and_the_scores_written(tmp_path, monkeypatch, capsys):
    real, fake = put(tmp_path / "real", DIGITS[:150]), put(tmp_path / "fake", DIGITS[150:300])
    output = tmp_path / "scores.json"
    assert run(monkeypatch, real, fake, "--train", real, "--extractor", "pixels", "--output", output) == 0
    scores = json.loads(output.read_text())
    absent = {"leakage", "rfid", "fid_pool", "fid_heldout_minus_pool"}
    assert set(METRICS) & set(scores) == set(METRICS) - absent
    assert (scores["real_images"], scores["fake_images"], scores["score_images"]) == (150, 150, 150)
    assert scores["fid_low"] < scores["fid"] < scores["fid_high"]
    assert "held-out images equal a training image" in scores["nearest_training_ratio_null_reason"]
    assert scores["extractor_fingerprint"] != scores["real_fingerprint"]
    assert "precision" in capsys.readouterr().out


def test_without_training_images_memorisation_is_left_out_and_zips_are_read(tmp_path):
    real = put(tmp_path / "real", DIGITS[:60])
    with zipfile.ZipFile(tmp_path / "fake.zip", "w") as archive:
        for path in put(tmp_path / "fake", DIGITS[60:120]).iterdir():
            archive.write(path, path.name)
    scores = evaluate(Places(real, tmp_path / "fake.zip"))
    folders = evaluate(Places(real, tmp_path / "fake"))
    differ = {key for key in scores if scores[key] != folders[key]}
    assert differ == {"fake"}
    assert not {"copying_z", "authenticity", "fid_train"} & set(scores)
    assert scores["floor_images"] == 30  # disjoint halves of the 60 real ones
    assert scores["fid_inf"] is None


def test_metrics_are_chosen_and_may_be_ones_own(tmp_path, monkeypatch, capsys):
    real, fake = put(tmp_path / "real", DIGITS[:60]), put(tmp_path / "fake", DIGITS[60:120])
    (tmp_path / "mine.py").write_text(
        "class Darker:\n    better = 'lower'\n"
        "    def score(self, sets):\n        return {'mean': sets.generated.mean() - sets.heldout.mean()}\n"
    )
    output, own = tmp_path / "scores.json", tmp_path / "mine.py:Darker"
    assert run(monkeypatch, real, fake, "--metrics", "kid", "--metrics", own, "--output", output) == 0
    scores = json.loads(output.read_text())
    assert abs(scores["darker_mean"]) < 50
    assert {"kid"} == set(METRICS) & set(scores)
    assert "darker_mean" in capsys.readouterr().out
    for wrong, said in {"kib": "metric 'kib' is unknown", "rfid": "cannot be had of these images"}.items():
        assert run(monkeypatch, real, fake, "--metrics", wrong) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 2


def test_a_copycat_is_caught_in_folders_too(tmp_path):
    train = put(tmp_path / "train", DIGITS[:150])
    real, fresh = put(tmp_path / "real", DIGITS[150:300]), put(tmp_path / "fresh", DIGITS[300:450])
    copies = evaluate(Places(real, train, train))
    honest = evaluate(Places(real, fresh, train))
    assert copies["authenticity"] == 0 < honest["authenticity"]
    assert copies["fid_heldout_minus_train_low"] > 0
    assert copies["copying_z"] < -5 < honest["copying_z"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p / "nothing", "no such folder or file"),
        (lambda p: put(p / "empty", DIGITS[:0]), "holds no image"),
        (lambda p: put(p / "one", DIGITS[:1]), "holds 1 image"),
        (lambda p: put(p / "small", DIGITS[:9, :8, :8]), "images of 8x8 pixels, those in"),
        (lambda p: put(p / "colour", np.stack([DIGITS[:9]] * 3, -1)), "colour images, those in"),
    ],
)
def test_what_cannot_be_compared_is_said_in_two_lines(tmp_path, monkeypatch, capsys, make, said):
    real = put(tmp_path / "real", DIGITS[:20])
    assert run(monkeypatch, real, make(tmp_path)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert said in lines[0]


def test_unreadable_images_splits_and_tiny_ones_are_refused(tmp_path):
    real = put(tmp_path / "real", DIGITS[:20])
    broken = put(tmp_path / "broken", DIGITS[:20])
    (broken / "x.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="not a readable image"):
        evaluate(Places(real, broken))
    (tmp_path / "split").mkdir()
    put(tmp_path / "split" / "train", DIGITS[:3])
    put(tmp_path / "split" / "test", DIGITS[:3])
    with pytest.raises(UserError, match="holds 3 under train/, 3 under test/"):
        evaluate(Places(real, tmp_path / "split"))
    tiny = put(tmp_path / "tiny", DIGITS[:9, :4, :4])
    with pytest.raises(UserError, match="at least 8 a side"):
        evaluate(Places(tiny, tiny))
    with pytest.raises(UserError, match="extractor 'randon' is unknown"):
        evaluate(Places(real, real), extractor="randon")


def test_unequal_numbers_are_said_and_reasons_count_what_is_compared(tmp_path, capsys):
    real, fake = put(tmp_path / "real", DIGITS[:120]), put(tmp_path / "fake", DIGITS[120:270])
    table = score_table(evaluate(Places(real, fake), extractor="pixels"))
    assert table.title == "150 fake against 120 real images, pixels; scores compare 120 of each"
    few = put(tmp_path / "few", DIGITS[300:302])
    scores = evaluate(Places(real, few), extractor="pixels")
    assert scores["recall_null_reason"] == "2 images of each side are compared, at least 6 are needed"
    assert score_table(scores).title.endswith("scores compare 2 of each")
    same = put(tmp_path / "same", DIGITS[400:520])
    assert "compare" not in str(score_table(evaluate(Places(real, same), extractor="pixels")).title)


def test_hints_of_eval_name_no_setting_that_it_has_not(tmp_path):
    real = put(tmp_path / "real", DIGITS[:20])
    mixed = put(tmp_path / "mixed", DIGITS[:20])
    Image.fromarray(DIGITS[0, :8, :8]).save(mixed / "small.png")
    np.savez(tmp_path / "wide.npz", DIGITS[:20, :8])
    for place in (mixed, tmp_path / "wide.npz"):
        with pytest.raises(UserError) as caught:
            evaluate(Places(real, place))
        assert "one square size" in caught.value.hint
        assert "size:" not in caught.value.hint


def test_arrays_are_scored_like_the_files_they_hold(tmp_path):
    real, fake = put(tmp_path / "real", DIGITS[:60]), put(tmp_path / "fake", DIGITS[60:120])
    np.savez(tmp_path / "fake.npz", DIGITS[60:120])
    folder, archive = (
        evaluate(Places(real, place), extractor="pixels") for place in (fake, tmp_path / "fake.npz")
    )
    assert {key for key in folder if folder[key] != archive[key]} == {"fake"}
