"""Checkpoints: whatever stops a run, and however often, it ends in the bits of one never stopped."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pcvq2 import (
    PCVQ2,
    Feed,
    FitLog,
    NonFiniteLoss,
    PCVQ2Config,
    PriorConfig,
    Session,
    StageConfig,
    VQVAE2Config,
)
from pcvq2.trainer.checkpoint import Checkpoint
from pcvq2.trainer.optimiser import Optimiser
from pcvq2.trainer.scratch import draft_of, sweep
from pcvq2.trainer.session import Augment
from pcvq2.trainer.tensor_file import RefusedFile, read_tensors, write_tensors

WRITER = """
import sys, time
from pathlib import Path
from pcvq2.trainer.scratch import draft_of
with draft_of(Path(sys.argv[1])) as draft:
    print(draft.name, flush=True)
    time.sleep(600)
"""
STEPS = 6
CONFIG = PCVQ2Config(
    size=16,
    channels=1,
    vqvae=VQVAE2Config(hidden=8, residual_hidden=4, downsample=(2, 2), codes=8, code_dim=4),
    prior=PriorConfig(channels=8, layers=2, context_layers=1),
    codes_stage=StageConfig(steps=STEPS, batch=8, learning_rate=2e-3),
    prior_stage=StageConfig(steps=STEPS, batch=8, learning_rate=0.1, evaluations=3, observations=6),
)
IMAGES = torch.randint(0, 256, (24, 1, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
BLACK = torch.zeros_like(IMAGES[:4])  # learning from noise helps them for a few steps only


class Stopped(Exception):
    """Stands for whatever ends a process between two steps."""


class Brightness:
    """Augment by a factor that moves with what was observed, so its state decides all later steps."""

    def __init__(self) -> None:
        self.factor, self.seen = 0.9, 0

    def __call__(self, images: Tensor, *, stage: str, step: int, steps: int) -> tuple[Tensor, None]:
        self.seen += len(images)
        return images * self.factor, None

    def observe(
        self, *, progress: float, rate_train: float, rate_validation: float, rate_unigram: float
    ) -> None:
        self.factor -= 0.1 * (rate_validation % 0.5)

    def state_dict(self) -> dict[str, Any]:
        return {"factor": self.factor, "seen": self.seen}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.factor, self.seen = state["factor"], state["seen"]


def fit(
    folder: Path | None,
    *,
    config: PCVQ2Config = CONFIG,
    seed: int = 3,
    stages: tuple[str, ...] | None = None,
    augment: Augment | None = None,
    **session: Any,
) -> tuple[PCVQ2, FitLog, Brightness]:
    model, views = PCVQ2(config, seed=seed), Brightness()
    log = model.fit(
        IMAGES[:16],
        Feed(augment or views, views.observe, stages, state=views),
        Session(checkpoints=folder, every_seconds=0.0, **{"owner": "me", **session}),
        validation=BLACK,
        heldout=IMAGES[20:],
    )
    return model, log, views


@cache
def whole(config: PCVQ2Config = CONFIG) -> tuple[PCVQ2, FitLog, Brightness]:
    """Return a run that was never stopped and wrote no checkpoint."""
    return fit(None, config=config)


def stop_after(stage: str, step: int) -> Callable[[str, int, int], None]:
    def progress(at: str, done: int, steps: int) -> None:
        if (at, done) == (stage, step):
            raise Stopped

    return progress


def assert_same(one: tuple[PCVQ2, FitLog, Brightness], other: tuple[PCVQ2, FitLog, Brightness]) -> None:
    for part in ("vqvae", "prior"):
        a, b = (getattr(result[0], part).state_dict() for result in (one, other))
        assert all(torch.equal(a[name], b[name]) for name in a)
    for name in ("curve", "selected_step", "images_seen"):
        assert getattr(one[1], name) == getattr(other[1], name)
    assert one[1].stages["codes"].shared == other[1].stages["codes"].shared
    assert one[2].state_dict() == other[2].state_dict()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("selection", ["last", "best_validation"])
def test_a_run_stopped_again_and_again_ends_in_the_same_bits(tmp_path: Path, selection: str) -> None:
    # so fast that the best step is not the last
    config = replace(CONFIG, selection=selection, prior_stage=replace(CONFIG.prior_stage, learning_rate=0.5))
    for stage, step in [
        ("codes", 1),
        ("codes", 4),
        ("codes", STEPS),
        ("prior", 1),
        ("prior", 3),
        ("prior", 5),
    ]:
        with pytest.raises(Stopped):
            fit(tmp_path, config=config, progress=stop_after(stage, step))
    done: list[tuple[str, int]] = []
    last = fit(tmp_path, config=config, progress=lambda stage, step, _: done.append((stage, step)))
    assert done == [("prior", 5), ("prior", 6)]
    assert_same(whole(config), last)
    assert (last[1].selected_step < STEPS - 1) == (selection == "best_validation")
    files = ["codes.checkpoint", "codes.checkpoint.previous", "prior.checkpoint", "prior.checkpoint.previous"]
    assert names(tmp_path) == files
    assert_same(whole(config), fit(tmp_path, config=config))  # finished, and asked again


def test_a_shared_stage_goes_on_beside_its_key_whoever_comes_next(tmp_path: Path) -> None:
    def shared(place: str, owner: str, **arguments: Any) -> tuple[PCVQ2, FitLog, Brightness]:
        return fit(tmp_path / owner, shared=tmp_path / place, stages=("prior",), owner=owner, **arguments)

    alone = shared("alone", "first")
    with pytest.raises(Stopped):
        shared("codes", "one", progress=stop_after("codes", 4))
    done: list[int] = []
    other = shared(
        "codes", "two", progress=lambda stage, step, _: done.append(step) if stage == "codes" else None
    )
    assert done == [4, 5, 6]
    assert_same(alone, other)
    assert sorted(path.suffix for path in (tmp_path / "codes").iterdir()) == [".lock", ".safetensors"]
    assert shared("codes", "one")[1].stages["codes"].shared
    with pytest.raises(Stopped):
        shared("mine", "three", progress=stop_after("prior", 2))
    assert not shared("mine", "three")[1].stages["codes"].shared  # its own, trained before it was stopped


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
import test_checkpoint as tests
torch.set_num_threads(1)
whole = tests.whole()
for seed in (1, 2):
    folder, shuffled, kills = Path(sys.argv[2]) / str(seed), random.Random(seed), 0
    while True:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            tests.assert_same(whole, tests.fit(folder, progress=lambda *_: os.write(write, b".")))
            os._exit(0)
        os.close(write)
        for _ in range(shuffled.randrange(3)):  # let it do some steps, and some part of the next one
            os.read(read, 1)
        time.sleep(shuffled.random() * 0.02)
        if kills < 8:
            os.kill(child, signal.SIGKILL)
        else:
            while os.read(read, 1):
                pass
        os.close(read)
        kills += 1
        if os.waitpid(child, 0)[1] != signal.SIGKILL:
            break
    left = tests.names(folder)
    print(seed, "left", sum(name.endswith(".part") for name in left))
print("all the same")
"""


def test_sigkill_at_random_moments_changes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path)]
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
    }  # autograd's device threads do not survive a fork
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3], env=environment
    )
    # nothing on stderr: no checkpoint was refused, so every one found was whole
    assert (done.stdout, done.stderr) == ("1 left 0\n2 left 0\nall the same\n", "")


def test_ctrl_c_waits_for_the_step_and_leaves_a_checkpoint_of_it(tmp_path: Path) -> None:
    def interrupt(stage: str, step: int, steps: int) -> None:
        if (stage, step) == ("prior", 3):
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    assert read_tensors(tmp_path / "prior.checkpoint")[1]["step"] == 3
    assert_same(whole(), fit(tmp_path))


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) * 3 // 4
    damaged = {
        "truncated": content[:middle],
        "empty": b"",
        "garbage": os.urandom(len(content)),
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    }
    path.write_bytes(damaged[how])


@pytest.mark.parametrize(
    ("how", "both"),
    [("truncated", False), ("empty", False), ("garbage", False), ("flipped", False), ("truncated", True)],
)
def test_a_damaged_checkpoint_is_refused_and_the_last_good_one_taken(
    tmp_path: Path, how: str, both: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Stopped):
        fit(tmp_path, progress=stop_after("prior", 5))  # checkpoints of steps 4 and 3 are left
    damage(tmp_path / "prior.checkpoint", how)
    if both:
        damage(tmp_path / "prior.checkpoint.previous", how)
    done: list[tuple[str, int]] = []
    with caplog.at_level(logging.WARNING, "pcvq2"):
        result = fit(tmp_path, progress=lambda stage, step, _: done.append((stage, step)))
    assert [record.message.startswith("checkpoint refused: ") for record in caplog.records] == [True] * (
        1 + both
    )
    assert str(tmp_path / "prior.checkpoint") in caplog.text
    assert "damaged" in caplog.text
    assert done[0] == ("prior", 1 if both else 4)
    assert_same(whole(), result)


def test_a_good_checkpoint_is_never_given_up_for_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        fit(tmp_path, progress=stop_after("prior", 4))
    good = (tmp_path / "prior.checkpoint").read_bytes()
    (tmp_path / "prior.checkpoint.previous").write_bytes(good)
    damage(tmp_path / "prior.checkpoint", "truncated")
    with pytest.raises(Stopped):
        fit(tmp_path, progress=stop_after("prior", 5))  # one new checkpoint, in the damaged one's place
    assert (tmp_path / "prior.checkpoint.previous").read_bytes() == good
    assert read_tensors(tmp_path / "prior.checkpoint")[1]["step"] == 4


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 4}, "seed is 3, here 4"),
        ({"owner": "you"}, 'owner is "me", here "you"'),
        (
            {"config": replace(CONFIG, selection="best_validation")},
            'config.selection is "last", here "best_val',
        ),
        (
            {"config": replace(CONFIG, prior_stage=replace(CONFIG.prior_stage, steps=7))},
            "config.prior_stage.steps is 6, here 7",
        ),
        ({"stages": ()}, "augmented is true, here false"),
    ],
    ids=["seed", "owner", "selection", "steps", "augmentation"],
)
def test_a_foreign_checkpoint_is_refused_by_what_differs(
    tmp_path: Path, changed: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Stopped):
        fit(tmp_path, progress=stop_after("prior", 4))
    with caplog.at_level(logging.WARNING, "pcvq2"):
        result = fit(tmp_path, **changed)
    assert "prior.checkpoint belongs to another run" in caplog.text
    assert named in caplog.text
    assert_same(fit(None, **changed), result)


def test_checkpoints_of_other_images_are_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    PCVQ2(CONFIG).fit(IMAGES[:16], session=Session(checkpoints=tmp_path))
    PCVQ2(CONFIG).fit(IMAGES[8:], session=Session(checkpoints=tmp_path))
    assert "images is" in caplog.text
    assert "images.train is" in caplog.text


def test_a_state_that_does_not_fit_leaves_the_parts_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a change of the code: same settings, other layers."""
    for _ in Checkpoint(tmp_path / "a", {}, 0).steps(2, {"one": nn.Linear(2, 2), "two": nn.Linear(3, 3)}):
        pass
    one, two = nn.Linear(2, 2), nn.Linear(5, 5)
    before = one.weight.clone()
    assert list(Checkpoint(tmp_path / "a", {}, 0).steps(2, {"one": one, "two": two})) == [0, 1]
    assert torch.equal(one.weight, before)
    assert "size mismatch" in caplog.text


def test_adam_goes_on_where_it_was_whatever_the_memory_format() -> None:
    def trained(stop: int | None) -> Tensor:
        torch.manual_seed(0)
        module = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        optimiser = Optimiser(module, CONFIG.prior_stage, "prior")
        for step in range(6):
            if step == stop:
                state = {k: v.contiguous().clone() for k, v in optimiser.state_dict().items()}
                optimiser = Optimiser(module, CONFIG.prior_stage, "prior")
                optimiser.load_state_dict(state)
            optimiser.update([module(torch.arange(75.0).view(1, 3, 5, 5)).square().mean()], step)
        return module.weight

    assert torch.equal(trained(None), trained(3))


def test_a_nan_takes_its_checkpoints_along(tmp_path: Path) -> None:
    def poison(x: Tensor, *, stage: str, step: int, steps: int) -> tuple[Tensor, None]:
        return (x * float("nan") if (stage, step) == ("codes", 4) else x), None

    with pytest.raises(NonFiniteLoss):
        fit(tmp_path, augment=poison)
    assert names(tmp_path) == []


def test_a_full_disk_costs_the_checkpoint_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = fit(tmp_path)
    assert "no checkpoint written" in caplog.text
    assert names(tmp_path) == []
    assert_same(whole(), result)


def test_what_a_killed_writer_left_is_swept_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    dead = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "file")], stdout=subprocess.PIPE, text=True
    )
    assert dead.stdout is not None
    left = dead.stdout.readline().strip()
    with draft_of(tmp_path / "file") as held:
        write_tensors({"a": torch.zeros(2)}, tmp_path / "file", {})
        assert names(tmp_path) == sorted([left, held.name, "file"])  # both writers live
        dead.kill()
        dead.wait()
        write_tensors({"a": torch.zeros(2)}, tmp_path / "file", {})
        assert names(tmp_path) == [held.name, "file"]
    assert names(tmp_path) == ["file"]


def test_a_draft_stays_held_while_tensors_are_written_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fsync(handle: int) -> None:
        sweep(tmp_path)  # as another run would, at the worst moment
        seen.extend(names(tmp_path))

    monkeypatch.setattr(os, "fsync", fsync)
    write_tensors({"a": torch.zeros(2)}, tmp_path / "file", {})
    assert seen[0].startswith(".file.")
    assert names(tmp_path) == ["file"]


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", none)
    (tmp_path / ".file.0123.part").touch()
    write_tensors({"a": torch.zeros(2)}, tmp_path / "file", {})
    assert names(tmp_path) == [".file.0123.part", "file"]


def test_times_add_up_over_interruptions(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        fit(tmp_path, progress=stop_after("prior", 4))
    for stage in ("codes", "prior"):
        path = tmp_path / f"{stage}.checkpoint"
        tensors, about = read_tensors(path)
        write_tensors(tensors, path, about | {"seconds": 1000.0})
    log = fit(tmp_path)[1]
    assert log.stages["codes"].seconds >= 1000
    assert log.stages["prior"].seconds >= 1000
    assert log.earlier_seconds == 2000


def test_a_file_without_our_notes_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "file")
    with pytest.raises(RefusedFile, match="not written by this version"):
        read_tensors(tmp_path / "file")


def test_a_damaged_shared_auto_encoder_is_trained_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = fit(None, stages=(), shared=tmp_path)
    damage(next(tmp_path.glob("*.safetensors")), "truncated")
    again = fit(None, stages=(), shared=tmp_path)
    assert "shared auto-encoder refused" in caplog.text
    assert_same(before, again)
