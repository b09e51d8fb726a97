"""A pack is known by its source and files, and a data set by what lies at a path: never by a name alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark import cli
from benchmark.data import Dataset, DatasetSpec, load_dataset
from benchmark.data.decoding import Shape
from benchmark.data.inspecting import inspect, load_named, prepared_line
from benchmark.data.packing import pack
from benchmark.data.places import Folder
from benchmark.data.preparing import PackWish, prepare_packed
from benchmark.errors import UserError


def fill(folder: Path, count: int, seed: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng([seed, i]).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05}.bmp")  # every file of one size
        os.utime(folder / f"{i:05}.bmp", (0, 0))  # and time, as some archives unpack them
    return folder


def load(source: str, **settings: object) -> Dataset:
    return load_dataset.__wrapped__(DatasetSpec("mine", source, **settings))  # type: ignore[arg-type]


def prepare(what: Path, **settings: object) -> tuple[Path, Dataset]:
    wish = PackWish(str(what), None, Shape(16), **{"processes": 1, **settings})  # type: ignore[arg-type]
    folder, _ = prepare_packed(wish, lambda done, of: None)
    return folder, load(f"packed:{folder}")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "packs"))
    return tmp_path


@pytest.mark.parametrize("names", [("cats/images", "dogs/images"), ("v1.0", "v1.1"), ("ffhq", "x/ffhq")])
def test_two_folders_never_share_a_pack(root: Path, names: tuple[str, str]) -> None:
    for seed, name in enumerate(names):
        fill(root / name, 30, seed)
    packs = [prepare(root / name) for name in names]
    for name, (folder, data) in zip(names, packs, strict=True):
        assert data.fingerprint == load(f"folder:{root / name}").fingerprint
        assert folder != root / "packs" / "ffhq-16"  # where the suite's `ffhq` lies
    assert packs[0][0] != packs[1][0]


def test_another_source_with_the_same_files_is_refused(root: Path) -> None:
    fill(root / "A", 30, 0)
    fill(root / "B", 30, 1)
    pack(Folder(root / "A"), root / "pack", Shape(16), processes=1)
    with pytest.raises(UserError, match=r"holds other packed images \(.*A, 16 px") as caught:
        pack(Folder(root / "B"), root / "pack", Shape(16), processes=1)
    assert str(caught.value).count("\n") == 1


def test_files_made_again_are_noticed(root: Path) -> None:
    folder, _ = prepare(fill(root / "A", 30, 0))
    image = root / "A" / "00003.bmp"
    image.write_bytes(image.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="have changed since they were packed"):
        prepare(root / "A")
    lines, sound = inspect(str(folder), None, None, lambda done, of: None)
    assert sound  # what was packed is whole
    assert any("the files it was packed from have changed since" in line for line in lines)
    image.unlink()
    with pytest.raises(UserError, match="holds other files than when it was packed"):
        prepare(root / "A")


def test_a_refused_pack_of_one_source_is_never_gone_on_with_for_another(root: Path) -> None:
    for seed, name in enumerate("AB"):
        fill(root / name, 200, seed)
    (root / "A" / "00010.bmp").write_bytes(b"BM")
    with pytest.raises(UserError, match=r"'00010\.bmp' is not a readable image"):
        pack(Folder(root / "A"), root / "pack", Shape(16), processes=1)
    pack(Folder(root / "B"), root / "pack", Shape(16), processes=1)
    assert load(f"packed:{root / 'pack'}").fingerprint == load(f"folder:{root / 'B'}").fingerprint


def test_files_changed_between_two_tries_are_packed_anew(root: Path) -> None:
    fill(root / "A", 200, 0)
    (root / "A" / "00150.bmp").write_bytes(b"BM")
    with pytest.raises(UserError):
        pack(Folder(root / "A"), root / "pack", Shape(16), processes=1)
    fill(root / "A", 200, 1)
    for path in (root / "A").iterdir():
        os.utime(path, (1, 1))
    pack(Folder(root / "A"), root / "pack", Shape(16), processes=1)
    assert load(f"packed:{root / 'pack'}").fingerprint == load(f"folder:{root / 'A'}").fingerprint


def test_the_line_says_how_many_were_skipped(root: Path) -> None:
    fill(root / "A", 30, 0)
    (root / "A" / "00010.bmp").write_bytes(b"BM")
    _, data = prepare(root / "A", skip_unusable=True)
    assert "24 to train on, 5 held out, 1 skipped as unusable, 16x16 colour" in prepared_line(data, "A")
    assert "passed over when packed: unusable images (1)" in data.notes
    assert "skipped" in prepared_line(prepare(root / "A")[1], "A")  # found there, and said again


def test_skipping_must_leave_images_in_both_splits(root: Path) -> None:
    fill(root / "A" / "train", 10, 0)
    (root / "A" / "test").mkdir()
    (root / "A" / "test" / "x.bmp").write_bytes(b"BM")
    with pytest.raises(UserError, match="no image of one split is left"):
        prepare(root / "A", skip_unusable=True)


@pytest.mark.parametrize(("packed", "asked"), [(None, "box"), ("box", "lanczos"), ("box", "bicubic")])
def test_another_filter_than_a_packs_is_refused(root: Path, packed: str | None, asked: str) -> None:
    pack(Folder(fill(root / "A", 30, 0)), root / "pack", Shape(8, resize=packed), processes=1)
    with pytest.raises(UserError, match=f"packed with resize {packed or 'lanczos'}, resize {asked} is asked"):
        load(f"packed:{root / 'pack'}", resize=asked)
    assert load(f"packed:{root / 'pack'}", resize=packed or "lanczos").size == 8
    assert load(f"packed:{root / 'pack'}").size == 8  # nobody asked


def test_a_pack_keeps_the_notes_of_its_files(root: Path) -> None:
    fill(root / "A" / "train", 10, 0)
    fill(root / "A" / "val", 4, 1)
    (root / "A" / "list.csv").write_text("")
    pack(Folder(root / "A"), root / "pack", Shape(32), processes=1)
    notes = load(f"packed:{root / 'pack'}").notes
    assert set(load(f"folder:{root / 'A'}", size=32).notes) < set(notes)
    assert "handled: enlarged to 32 px (14)" in notes


def test_copies_across_a_packs_splits_are_said(root: Path) -> None:
    fill(root / "A" / "train", 10, 0)
    fill(root / "A" / "test", 4, 0)
    pack(Folder(root / "A"), root / "pack", Shape(16), processes=1)
    said = "4 of 4 held-out images stand in the training pool, too (bench data check)"
    assert said in load(f"packed:{root / 'pack'}").notes
    assert said in load(f"folder:{root / 'A'}").notes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pack.json", b"[1]"),
        ("pack.json", b'{"format": 1}'),
        ("rows.npz", b"x"),
        ("rows.npz", None),
        ("images.u8", None),
    ],
)
def test_damaged_packs_are_two_lines(root: Path, name: str, content: bytes | None) -> None:
    folder, _ = prepare(fill(root / "A", 30, 0))
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(f"packed:{folder}")
    assert str(caught.value).count("\n") == 1


def test_damaged_kept_fingerprints_are_computed_again(root: Path) -> None:
    folder, data = prepare(fill(root / "A", 30, 0))
    (folder / "fingerprints.json").write_text("no json")
    assert load(f"packed:{folder}").fingerprint == data.fingerprint


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["bench", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, err or out


def test_preparing_says_what_it_changed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(root / "A", 20, 0)
    code, told = run(capsys, "data", "prepare", root / "A", "--size", 32, "--processes", 1)
    assert (code, "  handled: enlarged to 32 px (20)" in told.splitlines()) == (0, True)


def test_things_that_are_no_images_are_two_lines_and_leave_no_folder(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "heic").mkdir()
    (root / "heic" / "IMG_1.HEIC").write_bytes(b"x" * 100)
    (root / "bad").mkdir()
    (root / "bad" / "a.png").write_text("text")
    fill(root / "A", 10, 0)
    np.save(root / "plain.npy", np.zeros((4, 8, 8), np.uint8))
    cases: list[tuple[list[object], str]] = [
        (["prepare", root / "heic"], "there are 1 .heic files"),
        (["check", root / "heic"], "there are 1 .heic files"),
        (["show", root / "heic"], "there are 1 .heic files"),
        (["prepare", root / "bad"], "text, not an image"),
        (["prepare", root / "A", "--channels", 2], "--channels 2"),
        (["prepare", root / "A", "--resize", "boxx"], "Did you mean 'box'?"),
        (["prepare", root / "plain.npy"], "is npz:"),
        (["prepare", "a/b", "--source", root / "A"], "no name for a pack"),
        (["prepare", root / "A", "--output", root / "plain.npy"], "cannot be written"),
        (["check", "folder:"], "names no place"),
        (["check", f"folder:{'x' * 300}"], "no such folder"),
        (["check", "~no-such-user/x"], "is no path"),
        (["check", "folder:~no-such-user/x"], "is no path"),
    ]
    for arguments, said in cases:
        code, told = run(capsys, "data", *arguments)
        assert code == 2, (arguments, told)
        assert said in told, (arguments, told)
        assert len(told.strip().splitlines()) == 2, (arguments, told)
    assert not (root / "packs").exists() or not list((root / "packs").iterdir())


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.zip"])
def test_a_bare_file_of_arrays_is_known_by_its_content(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    with (root / name).open("wb") as stream:
        np.save(stream, images) if name.endswith("npy") else np.savez(stream, images)
    data = load_named(str(root / name), None, None)
    assert data.fingerprint == load(f"npz:{root / name}").fingerprint
    assert (data.name, len(data.train), len(data.heldout)) == ("a", 16, 4)
    code, told = run(capsys, "data", "check", root / name)
    assert (code, "16 to train on, 4 held out, 8x8 grey" in told) == (0, True)


def test_a_sheet_bears_the_folders_whole_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(root / "v1.0", 10, 0)
    monkeypatch.chdir(root / "v1.0")
    assert load_named("folder:.", None, None).name == "v1.0"
    assert load_named(".", None, None).name == "v1.0"
    assert load_named(str(root / "v1.0"), None, None).name == "v1.0"
