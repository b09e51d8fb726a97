"""torch.compile is a switch that changes the speed, not the training."""

from __future__ import annotations

import pytest
import torch

from pcvq2 import PCVQ2, override, preset


def trained(compiled: bool) -> PCVQ2:
    config = preset("tiny", size=16, channels=1)
    for stage in ("codes_stage", "prior_stage"):
        config = override(config, stage, {"steps": 4, "batch": 4, "compile": compiled})
    for part in ("vqvae", "prior"):
        config = override(config, part, {"precision": "float32"})
    config = override(config, "prior", {"channels": 8, "layers": 2})  # every layer is traced for a second
    model = PCVQ2(config, seed=0)
    model.fit(
        torch.randint(256, (8, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    )
    return model


def test_compiled_training_ends_where_eager_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend without a C++ compiler stands in: tracing and gradients are those of the real one."""
    calls = []

    def compile_traced(loss: object) -> object:
        calls.append(loss)
        return real(loss, backend="aot_eager")

    real = torch.compile
    monkeypatch.setattr(torch, "compile", compile_traced)
    eager = trained(compiled=False)
    assert not calls
    compiled = trained(compiled=True)
    assert len(calls) == 2  # one loss per stage
    for (name, a), b in zip(eager.vqvae.named_parameters(), compiled.vqvae.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)
    for (name, a), b in zip(eager.prior.named_parameters(), compiled.prior.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4, msg=name)
