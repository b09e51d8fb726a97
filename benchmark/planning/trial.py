"""A trial: one (dataset, budget, strategy, seed) with every setting resolved, and its id (no torch)."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.families.contract import Family, ModelConfig, stage_names
from benchmark.families.registry import PC_VQ2, FamilyCode
from benchmark.metrics.names import FIRST_JUDGE, judge_version

if TYPE_CHECKING:
    from benchmark.data import DatasetSpec
    from benchmark.planning.strategy_choice import StrategyChoice
    from strategies import AugmentationSpace
from benchmark.metrics.own_metric import OwnMetric
from benchmark.own import Own

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Trial:
    """One (dataset, budget, strategy, seed, initialisation), with every setting resolved."""

    dataset: DatasetSpec
    fingerprint: str
    budget: int
    seed: int
    strategy: StrategyChoice
    validation_images: int
    space: AugmentationSpace
    model: ModelConfig
    extractor: str | Own  # a built-in one's name, or the user's own
    samples: int
    metrics: tuple[str, ...]  # built in
    initialisation: int = 0  # repeat: the same images, other initial weights, batches, views and dropout
    samplings: int = 1  # independent sets of samples drawn from the trained model
    heldout_images: int = 0  # what of the dataset there is; the fingerprint says which images these are
    pool_images: int = 0
    own_metrics: tuple[OwnMetric, ...] = ()
    family_code: FamilyCode = PC_VQ2

    @property
    def family(self) -> Family:
        """Return the family of the model."""
        return self.family_code.load()

    @property
    def stages(self) -> tuple[str, ...]:
        """Return the names of the stages of training, in order."""
        return tuple(stage_names(self.family))

    def __getstate__(self) -> dict[str, Any]:
        """Name the family's code first: a node must know it before it can restore a model's configuration."""
        return {"family_code": self.family_code, **vars(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a trial on another node."""
        self.__dict__.update(state)

    def resolved(self) -> dict[str, Any]:
        """Return what decides the outcome, as JSON values; labels, paths and hardware do not."""
        space = self.space.resolved(self.model.channels)
        return {
            "schema_version": SCHEMA_VERSION,
            "dataset_fingerprint": self.fingerprint,
            "budget": self.budget,
            "seed": self.seed,
            **({"initialisation": self.initialisation} if self.initialisation else {}),
            "strategy": self.strategy.key,
            "validation_images": self.validation_images,
            # `none` draws nothing, so suites with different spaces share it
            "space": space if self.strategy.augmented_stages else None,
            **({} if self.family_code.is_default else {"family": self.family_code.key}),
            "model": _plain(self.model),
            "evaluation": {
                **self._extractor(),
                "samples": self.samples,
                **({"samplings": self.samplings} if self.samplings > 1 else {}),
                "metrics": sorted(self.metrics),
                **self._own_metrics(),
                # what leakage looks for, in the samples of `none` too
                "leakage_space": space if "leakage" in self.metrics and self.space.ranges else None,
                **self._judge(),
            },
        }

    def _judge(self) -> dict[str, int]:
        """Return which judge looks for leakage, where it is not the one there was at first."""
        version = judge_version(self.model.size)
        asked = "leakage" in self.metrics and self.space.ranges
        return {"leakage_judge": version} if asked and version != FIRST_JUDGE else {}

    def _extractor(self) -> dict[str, str]:
        own = self.extractor
        if isinstance(own, str):
            return {"extractor": own}
        package = {"extractor_package": own.package} if own.package else {}
        return {"extractor": own.name, "extractor_source_hash": own.source_hash} | package

    def _own_metrics(self) -> dict[str, Any]:
        own = sorted(self.own_metrics, key=lambda metric: metric.name)
        return {"own_metrics": [metric.key for metric in own]} if own else {}

    @functools.cached_property
    def id(self) -> str:
        """Return the content hash that names this trial's record: 16 hex digits."""
        text = json.dumps(self.resolved(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """Return a short name for people."""
        repeat = f"/initialisation{self.initialisation}" if self.initialisation else ""
        return f"{self.dataset.name}/{self.budget}/{self.strategy.label}/seed{self.seed}{repeat}"


@functools.lru_cache(maxsize=64)
def _plain(config: Any) -> dict[str, Any]:
    """Return a configuration as JSON values; many trials share one."""
    found: dict[str, Any] = json.loads(json.dumps(config.to_dict()))
    return found
