"""What the harness asks of a kind of model (no torch).

A family is a class: it names its stages and presets, builds models, and says what of them goes into a record.
A model is trained by `fit`, judged by `bits_per_dim`, and drawn from by `sample`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pcvq2.trainer.settings import Selection, StageConfig

if TYPE_CHECKING:
    from torch import Tensor

    from pcvq2.trainer.log import FitLog
    from pcvq2.trainer.session import Feed, Session


@dataclass(frozen=True)
class Stage:
    """Name a stretch of training of its own.

    shareable: what it learns without augmentation is the same for every strategy of a seed, and is kept.
    """

    name: str
    learns: Literal["representation", "density"]
    shareable: bool = False


class ModelConfig(Protocol):
    """Everything that decides a model but its data and its seed: a frozen dataclass.

    It has a field `STAGE_stage` (pcvq2.StageConfig) for each stage of its family, and one for each part.
    """

    @property
    def size(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def selection(self) -> Selection: ...

    def to_dict(self) -> dict[str, Any]: ...

    def __hash__(self) -> int: ...


class Ledger(Protocol):
    """Hold the terms of a bound on -log2 p(x), in bits per dimension, per image (N,)."""

    @property
    def terms(self) -> Mapping[str, Tensor]: ...  # they add up to the total

    @property
    def subtotals(self) -> Mapping[str, Tensor]: ...  # sums of some terms that have a name; may be empty

    @property
    def total(self) -> Tensor: ...


class Model(Protocol):
    """A model of images: uint8 tensors (N, C, H, W) on its device."""

    @property
    def parameters_count(self) -> int: ...

    def fit(
        self,
        images: Tensor,
        feed: Feed | None = None,
        session: Session | None = None,
        *,
        validation: Tensor | None = None,
        heldout: Tensor | None = None,
    ) -> FitLog:
        """Train every stage, each from its last checkpoint; see pcvq2.PCVQ2.fit for what each argument is."""
        ...

    def bits_per_dim(self, images: Tensor) -> Ledger:
        """Return a bound on -log2 p(x) of clean images, per image."""
        ...

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> Tensor:
        """Draw n images; equal (n, seed) means equal noise, whatever the weights.

        `progress` hears how many of them are drawn, again and again: silence counts as hanging.
        """
        ...

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """Return images as the model's representation keeps them; None where it has none."""
        ...

    def save(self, folder: Path | str) -> None:
        """Write the model into a folder; its model.json holds the configuration."""
        ...


class Family:
    """A kind of model. Subclass it; a suite names it: `model: {family: ./mine.py:MyFamily}`.

    Importing a family must not import torch: `build` and `load` do.
    """

    name: ClassVar[str]
    about: ClassVar[str] = ""
    stages: ClassVar[tuple[Stage, ...]]
    """In order. The last one is observed and previewed, and its mean strength is the trial's."""

    parts: ClassVar[tuple[str, ...]] = ()
    """Fields of the configuration that a suite may change under `model:`; dataclasses."""

    presets: ClassVar[tuple[str, ...]]
    """Names of ready-made configurations, the default first."""

    dropout: ClassVar[str | None] = None
    """The part whose field `dropout` `bench tune` searches for a strategy that does not augment."""

    task: ClassVar[str] = "density"
    """What is asked of its models: a name in benchmark/tasks."""

    reference: ClassVar[bool] = False
    """Whether it only serves as a reference: nobody would draw images with it."""

    def preset(self, name: str, *, size: int, channels: int) -> ModelConfig:
        """Return a named configuration. Raises KeyError for its name, ValueError for an odd size."""
        raise NotImplementedError(f"{type(self).__name__} must define preset(name, size, channels)")

    def told(self, config: Any, stage: str, numbers: int) -> Any:
        """Return the configuration of a model that a stage tells `numbers` numbers about each view.

        Raises ValueError where the model cannot be told any; where `decoder` conditioning is not asked for,
        see strategies.Strategy.conditions_decoder.
        """
        raise ValueError(f"family '{self.name}' cannot be told what was done to an image")

    def build(self, config: Any, *, seed: int, device: str) -> Model:
        """Build an untrained model."""
        raise NotImplementedError(f"{type(self).__name__} must define build(config, seed, device)")

    def load(self, folder: Path, *, device: str = "cpu") -> Model:
        """Read what a model's `save` wrote; no code is executed."""
        raise NotImplementedError(f"{type(self).__name__} must define load(folder, device)")

    def step_work(self, config: Any, stage: str) -> float:
        """Estimate the multiplications of a step of a stage, forward: progress weighs stages by it."""
        raise NotImplementedError(f"{type(self).__name__} must define step_work(config, stage)")

    def decides(self, config: Any, stage: str) -> Hashable:
        """Return what of a configuration decides a shareable stage: trials with equal ones share it."""
        return config

    def weight_bytes(self, model: Any, stage: str) -> int:
        """Return what the weights of a stage take: `bench run --probe` counts the disk with it."""
        return 4 * int(model.parameters_count)

    def diagnostics(self, model: Any, heldout: Tensor) -> dict[str, Any]:
        """Return what a record says of a trained model beside its likelihood, by key."""
        return {}


def stage_config(config: Any, stage: str) -> StageConfig:
    """Return how a configuration optimises a stage."""
    found: StageConfig = getattr(config, f"{stage}_stage")
    return found


def stage_names(family: Family) -> Sequence[str]:
    """Return the names of a family's stages, in order."""
    return [stage.name for stage in family.stages]


def broken_declaration(family: Family) -> str:
    """Return the rule that a family's class attributes break; "" where they break none."""
    for key in ("name", "stages", "presets"):
        if not getattr(family, key, None):
            return f"it declares `{key}`"
    names = stage_names(family)
    if len(set(names)) < len(names) or set(names) & _TAKEN:
        return f"a stage has a name of its own, and none of {', '.join(sorted(_TAKEN))}"
    if set(family.parts) & _KEYS:
        return f"no part is called {' or '.join(sorted(_KEYS))}"
    if not all(word.isidentifier() for word in (*names, *family.parts)):
        return "names of stages and parts are Python's: letters, digits and _"
    if family.dropout is not None and family.dropout not in family.parts:
        return "`dropout` is one of `parts`"
    return ""


_TAKEN = frozenset({"probes", "sampling", "scoring", "starting", "ended", "wall", "repeated"})
_KEYS = frozenset({"family", "preset"})
