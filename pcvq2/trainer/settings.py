"""How a stage of any model is optimised, and with which precision (no torch)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar, get_args

from pcvq2.trainer.limits import check_number, check_whole

Selection = Literal["last", "best_validation"]
Precision = Literal["float32", "bfloat16", "auto"]
Config = TypeVar("Config")


def check_precision(value: str) -> None:
    """Raise ValueError for an unknown precision."""
    if value not in get_args(Precision):
        raise ValueError(f"precision must be one of {get_args(Precision)}, got {value!r}")


@dataclass(frozen=True)
class StageConfig:
    """Set how one stage is optimised; a step is one optimiser update, the unit of all budgets of compute."""

    steps: int
    batch: int
    learning_rate: float
    micro_batch: int | None = None  # images whose activations are kept at once (stage prior); None: all
    warmup: float = 0.05  # share of the steps
    cosine_power: float = 1.0  # the rate falls like half a cosine to this power; 0 keeps it up (ours)
    clip: float = 1.0  # gradient norm
    polyak: float = 0.995
    evaluations: int = 20  # points of the learning curve (stage prior only)
    observations: int = 40  # looks at validation images, where a strategy or the selection asks for them
    compile: bool = False  # torch.compile: needs a C++ compiler and a minute or two before the first step

    def __post_init__(self) -> None:
        check_whole(self, 1, 10**12, "steps")
        check_whole(self, 1, 2**20, "batch", "evaluations", "observations")
        if self.micro_batch is not None:
            check_whole(self, 1, 2**20, "micro_batch")
        for name in ("learning_rate", "clip"):
            check_number(self, name, 0, math.inf, ends="(]")
        check_number(self, "warmup", 0, 1)
        check_number(self, "cosine_power", 0, math.inf)
        check_number(self, "polyak", 0, 1, ends="[)")
        if not isinstance(self.compile, bool):
            raise ValueError(f"compile must be true or false, got {self.compile!r}")


def override(config: Config, part: str, values: dict[str, Any]) -> Config:
    """Replace fields of one part of a configuration, both dataclasses: a network's, or `STAGE_stage`."""
    if not values:
        return config
    current = getattr(config, part)
    known = {f.name for f in fields(current)}
    unknown = set(values) - known
    if unknown:
        raise KeyError(f"{part} has no field {sorted(unknown)}; known: {', '.join(sorted(known))}")
    values = {k: _as_field(k, v, getattr(current, k)) for k, v in values.items()}
    changed: Config = replace(config, **{part: replace(current, **values)})  # type: ignore[type-var]
    return changed


def _as_field(name: str, value: Any, current: Any) -> Any:
    """Return a value as a file's words mean it: lists are tuples, 2e5 steps are 200,000."""
    if isinstance(value, list):
        return tuple(value)
    whole = name == "micro_batch" or (isinstance(current, int) and not isinstance(current, bool))
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value
