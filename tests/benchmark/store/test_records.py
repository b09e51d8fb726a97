"""Records: whole or not at all, and only a good end counts as done."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmark.errors import UserError
from benchmark.store.store import Store
from pcvq2.trainer.whole_file import write_whole


def record(**keys: object) -> dict[str, object]:
    return {"id": "abc", "status": "done", **keys}


def test_a_record_comes_back_and_leaves_no_scratch(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(fid=1.5), {"images.npz": b"bytes"})
    assert store.load("abc") == record(fid=1.5)
    assert store.is_done("abc")
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert files == ["artifacts/abc/images.npz", "records/abc.json"]


def test_a_failure_is_a_record_but_never_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(status="failed", reason="nan"), {})
    assert store.load("abc") is not None
    assert not store.is_done("abc")


@pytest.mark.parametrize("garbage", ["", "{", "[1]", '{"id": "other", "status": "done"}', "\x00\x00"])
def test_garbage_is_no_record(tmp_path: Path, garbage: str) -> None:
    store = Store(tmp_path)
    path = store.record_path("abc")
    path.parent.mkdir(parents=True)
    path.write_text(garbage)
    assert store.load("abc") is None
    assert not store.is_done("abc")


def test_a_write_that_fails_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_nan_never_reaches_a_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(fid=float("nan")), {})
    assert store.load("abc") == record(fid=None, fid_null_reason="not finite: fid is nan")


def test_a_suite_that_was_not_run_is_named_with_those_that_were(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_manifest({"suite": "one", "trials": []})
    assert json.loads(store.find_manifest("one").read_text())["suite"] == "one"
    with pytest.raises(UserError, match=r"has not been run here.*\nRun: one"):
        store.find_manifest("two")
