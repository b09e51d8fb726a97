"""A family of somebody else's: each pixel is a normal distribution around the mean image, cut into levels."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmark.families.contract import Family, Stage
from pcvq2.trainer.settings import Selection, StageConfig


@dataclass(frozen=True)
class Spread:
    floor: float = 4.0


@dataclass(frozen=True)
class ColumnConfig:
    size: int
    channels: int
    spread: Spread = Spread()
    means_stage: StageConfig = field(default_factory=lambda: StageConfig(20, 8, 1.0))
    selection: Selection = "last"

    def to_dict(self):
        return asdict(self)


class Column(Family):
    """Independent normal pixels around the mean image."""

    name = "column"
    stages = (Stage("means", "density"),)
    parts = ("spread",)
    presets = ("plain",)

    def preset(self, name, *, size, channels):
        return ColumnConfig(size, channels)

    def build(self, config, *, seed, device):
        return ColumnModel(config, seed)

    def load(self, folder, *, device="cpu"):
        import torch

        about = json.loads((Path(folder) / "model.json").read_text())["config"]
        stage, spread = StageConfig(**about.pop("means_stage")), Spread(**about.pop("spread"))
        model = ColumnModel(ColumnConfig(**about, means_stage=stage, spread=spread), 0)
        model.sums = torch.load(Path(folder) / "sums.pt", weights_only=True)
        return model

    def step_work(self, config, stage):
        return float(config.means_stage.batch * config.channels * config.size**2)


class ColumnModel:
    parameters_count = 1

    def __init__(self, config, seed):
        import torch

        self.config, self.seed = config, seed
        self.sums = torch.zeros(3, config.channels, config.size, config.size, dtype=torch.float64)

    def fit(self, images, feed=None, session=None, *, validation=None, heldout=None):
        from pcvq2.trainer.checkpoint import Checkpoint
        from pcvq2.trainer.log import FitLog, StageLog
        from pcvq2.trainer.session import Feed, Session
        from pcvq2.trainer.steps import StageRun

        feed, session, stage = feed or Feed(), session or Session(), self.config.means_stage
        checkpoint = None
        if session.checkpoints is not None:
            belongs = {"seed": self.seed, "owner": session.owner}
            path = session.checkpoints / "means.checkpoint"
            checkpoint = Checkpoint(path, belongs, session.every_seconds, feed.state, session.stop)
        augment = feed.augment_of("means")
        run = StageRun("means", stage, self.seed, augment, session.progress, checkpoint)
        batches = run.batches(images)
        for step in run.steps({"model": self}):
            view, _ = run.view(images[batches(step)].float() / 255, step)
            levels = view.double() * 255
            self.sums += levels.new_tensor([0.0, 0.0, len(view)])[:, None, None, None]
            self.sums[0] += levels.sum(0)
            self.sums[1] += levels.square().sum(0)
        return FitLog({"means": StageLog(stage.steps, stage.batch, 0.0)}, 0.0, stage.steps, [])

    def state_dict(self):
        return {"sums": self.sums}

    def load_state_dict(self, state):
        self.sums.copy_(state["sums"])

    def _normal(self):
        import torch

        mean = self.sums[0] / self.sums[2]
        variance = (self.sums[1] / self.sums[2] - mean.square()).clamp_min(0)
        return torch.distributions.Normal(mean, variance.sqrt() + self.config.spread.floor)

    def bits_per_dim(self, images):
        import math

        import torch

        normal, levels = self._normal(), images.double()
        upper = torch.where(levels == 255, torch.ones_like(levels), normal.cdf(levels + 0.5))
        lower = torch.where(levels == 0, torch.zeros_like(levels), normal.cdf(levels - 0.5))
        bits = -((upper - lower).clamp_min(1e-30).log()).flatten(1).mean(1) / math.log(2)
        return Ledger(bits)

    def sample(self, n, *, seed=0, temperature=1.0, progress=lambda done, of: None):
        import torch

        normal, shape = self._normal(), (n, *self.sums.shape[1:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        progress(n, n)
        levels = normal.mean + noise * temperature * normal.stddev
        return levels.round().clamp(0, 255).to(torch.uint8)

    def reconstruct(self, images):
        return None

    def save(self, folder):
        import torch

        Path(folder).mkdir(parents=True, exist_ok=True)
        torch.save(self.sums, Path(folder) / "sums.pt")
        (Path(folder) / "model.json").write_text(json.dumps({"config": self.config.to_dict()}))


class Ledger:
    def __init__(self, total):
        self.total, self.terms, self.subtotals = total, {"pixels": total}, {}
