"""PC-VQ2: PixelCNN priors over VQ-VAE-2 codes, usable on its own.

    from pcvq2 import PCVQ2, preset
    model = PCVQ2(preset("tiny", size=16, channels=1), seed=0)
    model.fit(images)                      # uint8 (N, 1, 16, 16)
    samples = model.sample(64, seed=1)     # uint8 (64, 1, 16, 16)

What needs torch is imported when it is first used, so reading a configuration stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pcvq2.config import PCVQ2Config, PriorConfig, StageConfig, VQVAE2Config, override, preset

if TYPE_CHECKING:
    from pcvq2.likelihood import Ledger
    from pcvq2.model import PCVQ2
    from pcvq2.trainer.log import FitLog
    from pcvq2.trainer.optimiser import NonFiniteLoss
    from pcvq2.trainer.session import Feed, Session

_LATER = {
    "PCVQ2": "model",
    "Ledger": "likelihood",
    "Feed": "trainer.session",
    "FitLog": "trainer.log",
    "NonFiniteLoss": "trainer.optimiser",
    "Session": "trainer.session",
}

__all__ = [
    "PCVQ2",
    "Feed",
    "FitLog",
    "Ledger",
    "NonFiniteLoss",
    "PCVQ2Config",
    "PriorConfig",
    "Session",
    "StageConfig",
    "VQVAE2Config",
    "override",
    "preset",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'pcvq2' has no attribute '{name}'")
    return getattr(import_module(f"pcvq2.{_LATER[name]}"), name)
