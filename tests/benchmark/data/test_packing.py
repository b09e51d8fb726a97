"""Packing: the same data set as unpacked, whatever interrupts it, and nothing unusable goes unsaid."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running_bench import bench

from benchmark.data import DatasetSpec, budget_indices, load_dataset
from benchmark.data.decoding import Shape
from benchmark.data.loaded import Rows
from benchmark.data.packed import about_pack, names_of
from benchmark.data.packing import pack, verify
from benchmark.data.places import Folder, Zip
from benchmark.errors import UserError
from benchmark.planning.plan import plan_trials
from benchmark.planning.suite import load_suite
from benchmark.store.store import Store
from benchmark.trial.attempt import Attempt
from benchmark.trial.recipe import run_trial


def image(seed: int, size: int = 40, mode: str = "RGB") -> bytes:
    shape = (size, size, 3) if mode == "RGB" else (size, size)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def fill(folder: Path, count: int, start: int = 0, **settings: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        (folder / f"{i:05}.png").write_bytes(image(i, **settings))  # type: ignore[arg-type]
    return folder


def spec(source: str, **settings: object) -> DatasetSpec:
    return DatasetSpec("mine", source, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_pack_is_the_data_set_it_was_made_from(tmp_path: Path, mode: str) -> None:
    folder = fill(tmp_path / "images", 150, mode=mode)
    pack(Folder(folder), tmp_path / "pack", Shape(16, resize="box"), processes=2)
    plain = load_dataset(spec(f"folder:{folder}", size=16, resize="box", heldout=30))
    packed = load_dataset(spec(f"packed:{tmp_path / 'pack'}", heldout=30))
    assert packed.fingerprint == plain.fingerprint
    assert np.array_equal(packed.heldout, plain.heldout)
    assert isinstance(packed.train, Rows)
    assert packed.train.shape == plain.train.shape
    chosen = budget_indices(packed, 20, 3)
    assert np.array_equal(packed.train[chosen], plain.train[chosen])
    assert np.array_equal(packed.train[5], plain.train[5])
    assert packed.channels == (3 if mode == "RGB" else 1)
    assert verify(tmp_path / "pack") == []


def test_a_split_is_kept_and_a_zip_packs_like_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / "images" / "train", 70)
    fill(tmp_path / "images" / "test", 10, start=70)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in (tmp_path / "images").rglob("*.png"):
            archive.write(path, path.relative_to(tmp_path / "images"))
    pack(Folder(tmp_path / "images"), tmp_path / "one", Shape(8), processes=1)
    pack(Zip(tmp_path / "images.zip"), tmp_path / "two", Shape(8), processes=2)
    one, two = (load_dataset(spec(f"packed:{tmp_path / name}")) for name in ("one", "two"))
    assert (len(one.train), len(one.heldout)) == (70, 10)
    plain = load_dataset(spec(f"folder:{tmp_path / 'images'}", size=8))
    assert one.fingerprint == two.fingerprint == plain.fingerprint


def test_an_interrupted_packing_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    folder = fill(tmp_path / "images", 300)
    pack(Folder(folder), tmp_path / "whole", Shape(16), processes=1)

    def stop(done: int, total: int) -> None:
        if done >= 128:
            raise KeyboardInterrupt

    target = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        pack(Folder(folder), target, Shape(16), processes=1, tick=stop)
    assert not (target / "pack.json").exists()
    with (target / "packing.jsonl").open("a") as journal:
        journal.write('{"start": 128, "st')  # killed while it wrote
    seen: list[int] = []
    pack(Folder(folder), target, Shape(16), processes=1, tick=lambda done, total: seen.append(done))
    assert seen[0] > 128  # the first blocks were not done again
    assert about_pack(target)["content"] == about_pack(tmp_path / "whole")["content"]
    assert (target / "images.u8").read_bytes() == (tmp_path / "whole" / "images.u8").read_bytes()
    assert not (target / "packing.jsonl").exists()


def test_unusable_files_are_named_repaired_ones_are_tried_again_or_the_rest_is_packed(tmp_path: Path) -> None:
    folder = fill(tmp_path / "images", 140)
    for name in ("00003.png", "00100.png"):
        (folder / name).write_bytes(b"")
    with pytest.raises(
        UserError, match=r"2 of 140 files cannot be used[\s\S]*'00003\.png'[\s\S]*'00100\.png'"
    ):
        pack(Folder(folder), tmp_path / "pack", Shape(16), processes=1)
    (folder / "00003.png").write_bytes(image(3))
    about = pack(Folder(folder), tmp_path / "pack", Shape(16), processes=1, skip_unusable=True)
    assert (about["pool"], about["unusable"]) == (139, 1)
    assert about["unusable_first"] == [["00100.png", "empty, 0 bytes"]]
    packed = load_dataset(spec(f"packed:{tmp_path / 'pack'}", heldout=20))
    assert "passed over when packed: unusable images (1)" in packed.notes
    (folder / "00100.png").unlink()
    plain = load_dataset(spec(f"folder:{folder}", size=16, heldout=20))
    assert packed.fingerprint == plain.fingerprint
    assert names_of(tmp_path / "pack")[100] == "00100.png"


def test_packing_again_does_nothing_and_other_images_are_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "images", 10)
    pack(Folder(folder), tmp_path / "pack", Shape(16), processes=1)
    stamp = (tmp_path / "pack" / "images.u8").stat().st_mtime_ns
    pack(Folder(folder), tmp_path / "pack", Shape(16), processes=1)
    assert (tmp_path / "pack" / "images.u8").stat().st_mtime_ns == stamp
    with pytest.raises(UserError, match="holds other packed images"):
        pack(Folder(folder), tmp_path / "pack", Shape(8), processes=1)


def test_changed_and_broken_packs_are_noticed(tmp_path: Path) -> None:
    folder = fill(tmp_path / "images", 20)
    pack(Folder(folder), tmp_path / "pack", Shape(8), processes=1)
    pixels = tmp_path / "pack" / "images.u8"
    content = bytearray(pixels.read_bytes())
    content[8 * 8 * 3 * 4] ^= 1
    pixels.write_bytes(bytes(content))
    assert verify(tmp_path / "pack") == [4]
    done = bench("data", "check", tmp_path / "pack", environment={"BENCH_DATA": str(tmp_path)})
    assert done.returncode == 1, done.stderr
    assert "CHANGED since packing: 1 rows, first [4]" in done.stdout
    pixels.write_bytes(bytes(content[:-1]))
    with pytest.raises(UserError, match="was cut short"):
        load_dataset(spec(f"packed:{tmp_path / 'pack'}"))
    for wrong, message in (
        (f"packed:{folder}", "no packed images"),
        (f"packed:{tmp_path / 'no'}", "no packed"),
    ):
        with pytest.raises(UserError, match=message):
            load_dataset(spec(wrong))


def test_another_size_than_packed_is_refused(tmp_path: Path) -> None:
    pack(Folder(fill(tmp_path / "images", 10)), tmp_path / "pack", Shape(16), processes=1)
    with pytest.raises(UserError, match="packed with size 16, size 32 is asked for"):
        load_dataset(spec(f"packed:{tmp_path / 'pack'}", size=32))


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """Packing 48 MiB of pixels must not take 48 MiB more than packing 3 MiB."""
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from benchmark.data.decoding import Shape\nfrom benchmark.data.packing import pack\n"
        "from benchmark.data.places import Folder\n"
        "if __name__ == '__main__':\n"
        "    pack(Folder(Path(sys.argv[1])), Path(sys.argv[2]), Shape(256), processes=1)\n"
        "    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)\n"
        "    print([resource.getrusage(one).ru_maxrss // 1024 for one in who])\n"
    )
    (tmp_path / "run.py").write_text(code)
    peaks = []
    for count in (16, 256):
        folder = tmp_path / f"images{count}"
        folder.mkdir()
        for i in range(count):
            (folder / f"{i:04}.png").symlink_to(tmp_path / "one.png")
        (tmp_path / "one.png").write_bytes(image(0, 256))
        command = [sys.executable, tmp_path / "run.py", folder, tmp_path / f"pack{count}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd())
        peaks.append(json.loads(done.stdout))
    for small, large in zip(*peaks, strict=True):
        assert large - small < 24


def test_bench_data_prepare_packs_ffhq_as_its_readme_lays_it_out(tmp_path: Path) -> None:
    source = tmp_path / "ffhq"
    for i in range(21):
        folder = source / "images1024x1024" / f"{i // 10 * 1000:05}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i:05}.png").write_bytes(image(i))
    fill(source / "thumbnails128x128" / "00000", 5)
    asked = bench("data", "prepare", "ffhq", environment={"BENCH_DATA": str(tmp_path)})
    assert asked.returncode == 2
    assert "--source PATH" in asked.stderr
    refused = bench(
        "data", "prepare", "ffhq", "--source", source, "--size", 16, environment={"BENCH_DATA": str(tmp_path)}
    )
    assert refused.returncode == 2
    assert "18 + 3 images of ffhq, 60,000 + 10,000 are expected" in refused.stderr
    done = bench(
        "data",
        "prepare",
        "ffhq",
        "--source",
        source,
        "--size",
        16,
        "--any-count",
        environment={"BENCH_DATA": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "18 to train on, 3 held out, 16x16 colour" in done.stdout
    assert about_pack(tmp_path / "ffhq-16")["heldout"] == 3
    listed = bench("data", "list", environment={"BENCH_DATA": str(tmp_path)})
    assert "ffhq-16" in listed.stdout


def test_bench_data_prepare_packs_the_cats_of_afhq_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "afhq_v2.zip", "w") as archive:
        for split, count in (("train", 9), ("test", 4)):
            for kind in ("cat", "dog"):
                for i in range(count):
                    archive.writestr(f"{split}/{kind}/{i:03}.png", image(i + 100 * (kind == "dog")))
    source = tmp_path / "afhq_v2.zip"
    done = bench(
        *("data", "prepare", "afhqv2-cat", "--source", source, "--size", 16, "--any-count"),
        environment={"BENCH_DATA": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    data = load_dataset(DatasetSpec("cats", "afhqv2-cat", size=16))
    assert (len(data.train), len(data.heldout)) == (9, 4)
    whole = load_dataset(spec(f"zip:{source}", size=16))
    cats = {one.tobytes() for one in data.train[:]}
    assert len(cats & {one.tobytes() for one in whole.train}) == 9
    with pytest.raises(UserError, match=r"'ffhq' is not prepared[\s\S]*bench data prepare ffhq"):
        load_dataset(DatasetSpec("faces", "ffhq"))


def test_reading_a_budget_back_is_quick(tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    pack(Folder(fill(tmp_path / "images", 64, size=256)), folder, Shape(256), processes=1)
    data = load_dataset(spec(f"packed:{folder}", heldout=4))
    rows = np.resize(budget_indices(data, 60, 0), 1000)
    start = time.process_time()
    assert data.train[rows].shape == (1000, 256, 256, 3)
    assert time.process_time() - start < 1


def test_a_trial_on_packed_images_is_the_trial_on_the_folder(tmp_path: Path, suite_text: str) -> None:
    fill(tmp_path / "images", 60, size=16)
    pack(Folder(tmp_path / "images"), tmp_path / "pack", Shape(16), processes=1)
    dataset = "{name: digits, source: digits, size: 16, heldout: 40}"
    assert dataset in suite_text
    trials = []
    for source in ("folder:images", "packed:pack"):
        (tmp_path / "a.yaml").write_text(suite_text.replace(dataset, f"{{name: mine, source: '{source}'}}"))
        trials.append(plan_trials(load_suite(tmp_path / "a.yaml"))[0])
    assert trials[0].id == trials[1].id  # so a record made from one counts for the other
    record, _ = run_trial(trials[1], Store(tmp_path / "runs"), Attempt())
    assert record["status"] == "done"
    assert record["pool_images"] == 48
