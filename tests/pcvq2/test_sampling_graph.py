"""What a CUDA graph does, on a CPU: kernels are recorded once and run again on the very same memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pcvq2 import PCVQ2, override, preset
from pcvq2.pixelcnn import GatedPixelCNN
from pcvq2.sampling import TILE, MapSampler, cuda_graph, sample_codes

WAITS = {"_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "item"}


class Tape(TorchDispatchMode):
    """Record every operation with its tensors; playing it runs no Python of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func._schema.name.removeprefix("aten::")
        assert name not in WAITS, f"{name} waits for the GPU, which no graph can record"
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    @torch.inference_mode()
    def play(self) -> None:
        for func, args, kwargs, out in self.calls:
            again = func(*args, **kwargs)
            if isinstance(out, Tensor) and again.data_ptr() != out.data_ptr():
                out.copy_(again)  # neither a view nor in place: the graph writes to the recorded memory


def on_tape(run: Callable[[], None]) -> Callable[[], None]:
    """Stand in for `cuda_graph`."""
    run()
    tape = Tape()
    with tape:
        run()
    assert len(tape.calls) > 50
    return tape.play


def build(**options: int) -> GatedPixelCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GatedPixelCNN(24, channels=16, layers=3, **options)
    with torch.no_grad():
        if model.condition_projection is not None:
            model.condition_projection.reset_parameters()
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


def given(model: GatedPixelCNN, batch: int, seed: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
    generator = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(batch, 5, 4, generator=generator)
    context = condition = None
    if model.context_channels:
        context = torch.randn(batch, model.context_channels, 5, 4, generator=generator)
    if model.conditions:
        condition = torch.randn(batch, model.conditions, generator=generator)
    return uniforms, context, condition


@pytest.mark.parametrize(
    "options", [{}, {"context_channels": 3, "conditions": 2}, {"attention_heads": 2, "conditions": 2}]
)
def test_a_recording_draws_what_the_sampler_draws(options: dict[str, int]) -> None:
    model = build(**options)
    sampler = MapSampler(model, 0.9, record=on_tape)
    for seed, batch in enumerate([6, 6, 6, 3, 6, 3, 3]):  # two sizes; each eager, recorded, then replayed
        parts = given(model, batch, seed)
        assert torch.equal(sampler(*parts), sample_codes(model, *parts, temperature=0.9))


def test_tiles_of_one_call_share_a_recording() -> None:
    model, recordings = build(), []

    def counted(run: Callable[[], None]) -> Callable[[], None]:
        recordings.append(run)
        return on_tape(run)

    uniforms, _, _ = given(model, 4 * TILE, 0)
    drawn = MapSampler(model, record=counted)(uniforms)
    assert len(recordings) == 1
    assert torch.equal(drawn, sample_codes(model, uniforms))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("options", [{}, {"context_channels": 3, "conditions": 2}, {"attention_heads": 2}])
def test_cuda_graph_draws_what_the_eager_sampler_draws(options: dict[str, int]) -> None:
    model = build(**options).cuda()
    replayed, eager = MapSampler(model, record=cuda_graph), MapSampler(model, record=None)
    eager._record = None  # as on a CPU
    for seed in range(4):
        parts = [None if p is None else p.cuda() for p in given(model, 6, seed)]
        assert torch.equal(replayed(*parts), eager(*parts))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_samples_on_a_gpu_as_it_does_on_a_cpu() -> None:
    config = override(preset("tiny", size=16, channels=1), "prior_stage", {"steps": 1})
    cpu, gpu = PCVQ2(config, seed=3), PCVQ2(config, seed=3, device="cuda")
    same = (cpu.sample(40, seed=1, batch=10) == gpu.sample(40, seed=1, batch=10).cpu()).float().mean()
    assert same > 0.9  # sums round differently
