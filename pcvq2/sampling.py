"""Draw code maps from a GatedPixelCNN: the batch in tiles, on a GPU each tile as one replayed CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pcvq2.cached_sampler import CachedSampler
from pcvq2.pixelcnn import GatedPixelCNN

Recorder = Callable[[Callable[[], None]], Callable[[], None]]  # what is run -> what repeats it

TILE = 128  # maps sampled together: fewer waste the overhead of the calls, more leave the cache
GPU_TILE = 256


class Given(NamedTuple):
    """What one tile is drawn from; memory that a recording reads again and again."""

    uniforms: Tensor  # (H, W, B, 1)
    context: Tensor | None  # (B, C, H, W)
    condition: Tensor | None  # (B, D)


def sample_codes(
    model: GatedPixelCNN,
    uniforms: Tensor,
    context: Tensor | None = None,
    condition: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Draw code maps (B, H, W) int64 once; see MapSampler, which serves many batches."""
    return MapSampler(model, temperature)(uniforms, context, condition)


class MapSampler:
    """Draw code maps by inverting the model's cumulative distribution at given uniforms.

    Dropout is off, the model's mode is left as it is, its weights must not change meanwhile. On a GPU a
    tile size that comes a second time is recorded as one CUDA graph and replayed from then on: a map costs
    thousands of small kernels, and launching them one by one takes longer than running them. `record` is
    that mechanism. `pulse` is called with each row that is not replayed.
    Raises ValueError for a temperature that is not positive.
    """

    def __init__(
        self,
        model: GatedPixelCNN,
        temperature: float = 1.0,
        *,
        record: Recorder | None = None,
        pulse: Callable[[], None] | None = None,
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.model, self.temperature, self._pulse = model, temperature, pulse
        on_gpu = model.embedding.weight.is_cuda
        self._tile = GPU_TILE if on_gpu else TILE
        self._record = record or (cuda_graph if on_gpu else None)
        self._tiles: dict[tuple[int, int, int], _Tile] = {}

    def __call__(
        self, uniforms: Tensor, context: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """Return codes (B, H, W) int64 for uniforms (B, H, W) in [0, 1): a function of them alone."""
        batch, height, width = uniforms.shape
        codes = torch.empty(uniforms.shape, dtype=torch.int64, device=uniforms.device)
        for tile in torch.arange(batch, device=uniforms.device).tensor_split(max(1, -(-batch // self._tile))):
            key = (len(tile), height, width)
            if key not in self._tiles:
                sampler = CachedSampler(self.model, *key, self.temperature)
                self._tiles[key] = _Tile(sampler, self._record, self._pulse)
            targets = uniforms[tile].permute(1, 2, 0)[..., None].contiguous()
            parts = [None if given is None else given[tile] for given in (context, condition)]
            with torch.autocast(uniforms.device.type, enabled=False):
                codes[tile] = self._tiles[key](Given(targets, *parts))
        return codes


class _Tile:
    """Decode tiles of one shape: eagerly the first time, recorded at the second, replayed after that."""

    def __init__(
        self, sampler: CachedSampler, record: Recorder | None, pulse: Callable[[], None] | None
    ) -> None:
        self._sampler, self._record, self._pulse = sampler, record, pulse
        self._uses = 0
        self._given: Given | None = None
        self._codes = torch.empty(0)
        self._replay: Callable[[], None] | None = None

    def __call__(self, given: Given) -> Tensor:
        self._uses += 1
        if self._record is None or self._uses == 1:
            return self._decode(given, self._pulse)
        if self._given is None:
            height, width, batch, _ = given.uniforms.shape
            self._given = Given(given.uniforms.clone(), _cloned(given.context), _cloned(given.condition))
            self._codes = torch.empty(batch, height, width, dtype=torch.int64, device=given.uniforms.device)
            self._replay = self._record(self._fill)
        for kept, part in zip(self._given, given, strict=True):
            if kept is not None and part is not None:
                kept.copy_(part)
        assert self._replay is not None
        self._replay()
        return self._codes

    def _fill(self) -> None:
        assert self._given is not None
        self._codes.copy_(self._decode(self._given))

    def _decode(self, given: Given, pulse: Callable[[], None] | None = None) -> Tensor:
        draw = self._sampler.draw

        def choose(row: int, column: int, logits: Tensor) -> Tensor:
            if pulse is not None and not column:
                pulse()
            return draw(logits, given.uniforms[row, column])

        return self._sampler.decode(choose, given.context, given.condition)


def _cloned(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.clone()


def cuda_graph(run: Callable[[], None]) -> Callable[[], None]:
    """Record what `run` launches on the current GPU and return what launches all of it again, at once.

    Source: PyTorch's documentation, *CUDA Graphs*: a warm-up on a side stream, then the capture. `run` must
    read and write the same memory each time and never wait for the GPU.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay
