"""What `bench new family` writes: a family that works, and its test."""

SOURCE = '''"""{title}: say here what kind of model it is, and whose."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmark.families.contract import Family, Stage
from pcvq2.trainer.settings import StageConfig


@dataclass(frozen=True)
class Config:
    """Everything that decides a model but its data and its seed."""

    size: int
    channels: int
    counts_stage: StageConfig = field(default_factory=lambda: StageConfig(100, 32, 1.0))
    selection: str = "last"

    def to_dict(self):
        return asdict(self)


class {class_name}(Family):
    """A histogram per sub-pixel, one count of each level beforehand: independent pixels."""

    name = "{name}"
    about = "a histogram per pixel, to be replaced by a model of your own"
    stages = (Stage("counts", "density"),)
    presets = ("plain",)

    def preset(self, name, *, size, channels):
        if name not in self.presets:
            raise KeyError(f"preset '{{name}}' is unknown; known: {{', '.join(self.presets)}}")
        return Config(size, channels)

    def build(self, config, *, seed, device):
        return Histograms(config, seed, device)

    def load(self, folder, *, device="cpu"):
        from pcvq2.trainer.tensor_file import read_tensors

        about = json.loads((Path(folder) / "model.json").read_text())
        config = {{**about["config"], "counts_stage": StageConfig(**about["config"]["counts_stage"])}}
        model = Histograms(Config(**config), about["seed"], device)
        model.load_state_dict(read_tensors(Path(folder) / "model.safetensors")[0])
        return model

    def step_work(self, config, stage):
        return float(config.counts_stage.batch * config.channels * config.size**2)


class Bits:
    """-log2 p(x) in bits per dimension, per image (N,): the terms add up to the total."""

    def __init__(self, total):
        self.total, self.terms, self.subtotals = total, {{"pixels": total}}, {{}}


class Histograms:
    def __init__(self, config, seed, device):
        import torch

        self.config, self.seed = config, seed
        self.counts = torch.ones(config.channels * config.size**2, 256, dtype=torch.float64, device=device)

    @property
    def parameters_count(self):
        return self.counts.shape[0] * 255

    def fit(self, images, feed=None, session=None, *, validation=None, heldout=None):
        """Count the levels of every step's batch, or of its view; go on from a checkpoint."""
        from pcvq2.trainer.log import FitLog, StageLog
        from pcvq2.trainer.session import Feed, Session
        from pcvq2.trainer.steps import StageRun

        feed, session, start = feed or Feed(), session or Session(), time.perf_counter()
        stage, checkpoint = self.config.counts_stage, self._checkpoint(feed, session)
        run = StageRun("counts", stage, self.seed, feed.augment_of("counts"), session.progress, checkpoint)
        batches = run.batches(images)
        for step in run.steps({{"model": self}}):
            view, _ = run.view(images[batches(step).to(images.device)].float() / 255, step)
            levels = (view * 255).round().long().flatten(1).T
            self.counts.scatter_add_(1, levels, self.counts.new_ones(()).expand(levels.shape))
        earlier = checkpoint.earlier_seconds if checkpoint is not None else 0.0
        splits = {{"train": images, "validation": validation, "heldout": heldout}}
        nats = {{name: None if x is None else self._nats(x) for name, x in splits.items()}}
        log = StageLog(stage.steps, stage.batch, time.perf_counter() - start + earlier, "float64")
        return FitLog({{"counts": log}}, earlier, stage.steps, [{{"step": stage.steps, **nats}}])

    def _nats(self, images):
        return float(self.bits_per_dim(images).total.mean()) * images[0].numel() * math.log(2)

    def _checkpoint(self, feed, session):
        from pcvq2.trainer.checkpoint import Checkpoint

        if session.checkpoints is None:
            return None
        belongs = {{"owner": session.owner, "seed": self.seed, "config": self.config.to_dict()}}
        path = session.checkpoints / "counts.checkpoint"
        return Checkpoint(path, belongs, session.every_seconds, feed.state, session.stop)

    def state_dict(self):
        return {{"counts": self.counts}}

    def load_state_dict(self, state):
        self.counts.copy_(state["counts"])

    def bits_per_dim(self, images):
        table = -(self.counts / self.counts.sum(1, keepdim=True)).log2()
        return Bits(table.gather(1, images.flatten(1).T.long()).mean(0))

    def sample(self, n, *, seed=0, temperature=1.0, progress=lambda done, of: None):
        import torch

        generator = torch.Generator().manual_seed(seed)
        weights = self.counts.cpu() ** (1 / max(temperature, 1e-3))
        levels = torch.multinomial(weights / weights.sum(1, keepdim=True), n, True, generator=generator)
        shape = (n, self.config.channels, self.config.size, self.config.size)
        progress(n, n)
        return levels.T.to(torch.uint8).reshape(shape).to(self.counts.device)

    def reconstruct(self, images):
        return None

    def save(self, folder):
        from pcvq2.trainer.tensor_file import write_tensors
        from pcvq2.trainer.whole_file import write_whole

        Path(folder).mkdir(parents=True, exist_ok=True)
        write_tensors(self.state_dict(), Path(folder) / "model.safetensors", {{}})
        about = {{"family": "{name}", "seed": self.seed, "config": self.config.to_dict()}}
        write_whole(Path(folder) / "model.json", json.dumps(about).encode())
'''

TEST = '''"""The battery that every family passes, and what is special about {class_name}."""

from pathlib import Path

import torch

from benchmark.families.checks import check_family
from strategies.contract.plugin import Plugin

{class_name} = Plugin.read(Path(__file__).with_name("{name}.py"), "{class_name}").load()


def test_it_passes_the_battery() -> None:
    check_family({class_name}())


def test_before_training_an_image_costs_eight_bits_per_dimension() -> None:
    family = {class_name}()
    model = family.build(family.preset(family.presets[0], size=8, channels=1), seed=0, device="cpu")
    bits = model.bits_per_dim(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).total
    assert torch.allclose(bits, torch.full_like(bits, 8.0))
'''
